// An outside client: the certified library `openid-client` completes the example of the documentation.
//
// Environment:
//   ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI   the registered client; nobody needs to listen at its redirect URI
//   PHONE_NUMBER                                     a person whose simulated phone approves by itself
//   POST_LOGOUT_REDIRECT_URI                         default: the root of the redirect URI
//   SCOPES                                           default: the scopes of the example
//   CLIENT_AUTH                                      default: client_secret_basic; several, separated by commas, are tried in turn

import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { Person } from './person.mjs'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, PHONE_NUMBER } = required()
const POST_LOGOUT_REDIRECT_URI = process.env.POST_LOGOUT_REDIRECT_URI ?? new URL('/', REDIRECT_URI).href
const SCOPES = scopes(process.env.SCOPES ?? 'openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write')
const CLIENT_AUTH = (process.env.CLIENT_AUTH ?? 'client_secret_basic').split(',')

const authentication = {
  client_secret_basic: client.ClientSecretBasic,
  client_secret_post: client.ClientSecretPost,
}

/** Signs a person in, checks all that the library checks and what the documentation promises, signs the person out. */
async function completesTheExample(clientAuth) {
  const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, authentication[clientAuth](CLIENT_SECRET), {
    execute: execute(),
  })
  const server = config.serverMetadata()
  assert.equal(server.issuer, ISSUER)
  assert.ok(server.token_endpoint_auth_methods_supported.includes(clientAuth))
  assert.ok(server.supportsPKCE())

  const person = new Person()
  const request = await authorizationRequest(config)
  const callback = await person.signIn(request.url, PHONE_NUMBER, REDIRECT_URI)

  // The library checks state, iss, the token response, and of the ID token signature, iss, aud, exp, iat and nonce.
  const tokens = await client.authorizationCodeGrant(config, callback, request.checks)
  assert.equal(tokens.token_type, 'bearer')
  assert.ok(tokens.expires_in > 0 && tokens.expires_in <= 300)
  if (tokens.scope !== undefined) checkScope(tokens.scope, tokens.refresh_token)

  const claims = tokens.claims()
  assert.equal(claims.aud, CLIENT_ID)
  assert.ok(Array.isArray(claims.amr))
  for (const name of ['sub', 'sid', 'acr']) assert.equal(typeof claims[name], 'string', name)
  checkAccessToken(tokens.access_token, claims, tokens.refresh_token)

  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  assert.equal(typeof userinfo.nationalId, 'string')
  assert.equal(userinfo.subjectType, 'person')
  assert.equal(typeof userinfo.name === 'string', SCOPES.includes('profile'))

  await refusesTheCodeASecondTime(config, callback, request.checks)
  await signsOut(config, person, tokens.id_token)
}

async function authorizationRequest(config, extra = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: SCOPES.join(' '),
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    response_mode: 'query',
    ...extra,
  })
  return { url, checks: { pkceCodeVerifier, expectedState, expectedNonce } }
}

/** The claims of the access token as the documentation lists them. To a client it is opaque: only a test looks inside. */
function checkAccessToken(token, idTokenClaims, refreshToken) {
  const [header, claims] = token.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')))
  assert.equal(header.alg, 'RS256')
  assert.equal(header.typ, 'at+jwt')
  assert.equal(typeof header.kid, 'string')
  assert.equal(claims.iss, ISSUER)
  assert.equal(claims.client_id, CLIENT_ID)
  assert.equal(claims.sub, idTokenClaims.sub)
  assert.equal(claims.sid, idTokenClaims.sid)
  checkScope(claims.scope, refreshToken)
  for (const name of ['nbf', 'exp', 'iat', 'auth_time']) assert.ok(Number.isInteger(claims[name]), name)
  for (const name of ['idp', 'nationalId', 'jti', 'acr']) assert.equal(typeof claims[name], 'string', name)
  assert.ok(Array.isArray(claims.amr))
  assert.ok(claims.exp - claims.iat <= 300)
}

/** All that was asked for is granted; of `offline_access` the server may make nothing, and then it says so by leaving it out. */
function checkScope(granted, refreshToken) {
  const expected = SCOPES.filter((scope) => scope !== 'offline_access' || refreshToken !== undefined)
  assert.deepEqual(scopes(granted).sort(), expected.sort())
}

async function refusesTheCodeASecondTime(config, callback, checks) {
  await assert.rejects(client.authorizationCodeGrant(config, callback, checks), { error: 'invalid_grant' })
}

async function signsOut(config, person, idToken) {
  const state = client.randomState()
  const url = client.buildEndSessionUrl(config, {
    post_logout_redirect_uri: POST_LOGOUT_REDIRECT_URI,
    id_token_hint: idToken,
    state,
  })
  const back = await person.signOut(url, POST_LOGOUT_REDIRECT_URI)
  assert.ok(back?.href.startsWith(POST_LOGOUT_REDIRECT_URI))
  assert.deepEqual([...back.searchParams], [['state', state]])

  const silent = await authorizationRequest(config, { prompt: 'none' })
  const callback = await person.open(silent.url, REDIRECT_URI)
  await assert.rejects(client.authorizationCodeGrant(config, callback, silent.checks), { error: 'login_required' })
}

function execute() {
  // Signatures are checked although the token came over a connection of our own; http is for this machine only.
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(new URL(ISSUER).hostname)
  return isLocal ? [client.enableNonRepudiationChecks, client.allowInsecureRequests] : [client.enableNonRepudiationChecks]
}

function scopes(text) {
  return [...new Set(['openid', ...text.split(' ').filter(Boolean)])]
}

function required() {
  const missing = ['ISSUER', 'CLIENT_ID', 'CLIENT_SECRET', 'REDIRECT_URI', 'PHONE_NUMBER'].filter((name) => !process.env[name])
  if (missing.length) {
    console.error(`missing in the environment: ${missing.join(', ')}`)
    process.exit(2)
  }
  return process.env
}

let failed = 0
for (const clientAuth of CLIENT_AUTH) {
  try {
    await completesTheExample(clientAuth)
    console.log(`ok - openid-client completes the example with ${clientAuth}`)
  } catch (error) {
    failed++
    console.error(`not ok - openid-client with ${clientAuth}:`, error)
  }
}
console.log(`${CLIENT_AUTH.length - failed} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0
