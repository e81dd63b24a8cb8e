// An outside client: the certified library `openid-client` completes the example of the documentation, refreshes, asks about its
// tokens and gives them back.
//
// Environment:
//   ISSUER, CLIENT_ID, REDIRECT_URI                  the registered client; nobody needs to listen at its redirect URI
//   CLIENT_SECRET                                    of a client with a secret
//   CLIENT_KEY                                       of a client with private_key_jwt: a P-256 key, PKCS #8 in base64; its kid is "k"
//   PHONE_NUMBER                                     a person whose simulated phone approves by itself
//   POST_LOGOUT_REDIRECT_URI                         default: the root of the redirect URI
//   SCOPES                                           default: the scopes of the example
//   CLIENT_AUTH                                      client_secret_basic (default), client_secret_post or private_key_jwt

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import * as client from 'openid-client'
import { Person } from './person.mjs'

const { ISSUER, CLIENT_ID, REDIRECT_URI, PHONE_NUMBER } = required()
const POST_LOGOUT_REDIRECT_URI = process.env.POST_LOGOUT_REDIRECT_URI ?? new URL('/', REDIRECT_URI).href
const SCOPES = scopes(process.env.SCOPES ?? 'openid profile offline_access @myorg.is/documents:read @myorg.is/documents:write')
const CLIENT_AUTH = process.env.CLIENT_AUTH ?? 'client_secret_basic'

const authentication = {
  client_secret_basic: () => client.ClientSecretBasic(process.env.CLIENT_SECRET),
  client_secret_post: () => client.ClientSecretPost(process.env.CLIENT_SECRET),
  private_key_jwt: async () => client.PrivateKeyJwt({ key: await privateKey(process.env.CLIENT_KEY), kid: 'k' }),
}

/** Signs a person in, checks all that the library checks and what the documentation promises, signs the person out. */
async function completesTheExample() {
  const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, await authentication[CLIENT_AUTH](), {
    execute: execute(),
  })
  const server = config.serverMetadata()
  assert.equal(server.issuer, ISSUER)
  for (const endpoint of ['token', 'introspection', 'revocation']) {
    assert.ok(server[`${endpoint}_endpoint_auth_methods_supported`].includes(CLIENT_AUTH), endpoint)
  }
  assert.ok(server.supportsPKCE())

  const person = new Person()
  const request = await authorizationRequest(config)
  const callback = await person.signIn(request.url, PHONE_NUMBER, REDIRECT_URI)

  // The library checks state, iss, the token response, and of the ID token signature, iss, aud, exp, iat and nonce.
  const tokens = await client.authorizationCodeGrant(config, callback, request.checks)
  const claims = checkTokens(tokens)

  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  assert.equal(typeof userinfo.nationalId, 'string')
  assert.equal(userinfo.subjectType, 'person')
  assert.equal(typeof userinfo.name === 'string', SCOPES.includes('profile'))

  const newest = await refreshes(config, await refreshes(config, tokens))
  await introspects(config, newest)
  await revokes(config, newest)
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

/** The token response and its tokens; gives the claims of the ID token, which the library has verified. */
function checkTokens(tokens) {
  assert.equal(tokens.token_type, 'bearer')
  assert.ok(tokens.expires_in > 0 && tokens.expires_in <= 300)
  assert.equal(typeof tokens.refresh_token, 'string')
  if (tokens.scope !== undefined) checkScope(tokens.scope)
  const claims = tokens.claims()
  assert.equal(claims.iss, ISSUER)
  assert.equal(claims.aud, CLIENT_ID)
  assert.equal(claims.at_hash, leftHalfOfHash(tokens.access_token))
  assert.ok(Array.isArray(claims.amr))
  for (const name of ['sub', 'sid', 'acr']) assert.equal(typeof claims[name], 'string', name)
  checkAccessToken(tokens.access_token, claims)
  return claims
}

/** New tokens of the same sign-in (OpenID Connect Core §12.2). */
async function refreshes(config, tokens) {
  const newer = await client.refreshTokenGrant(config, tokens.refresh_token)
  const [before, after] = [tokens.claims(), checkTokens(newer)]
  for (const name of ['iss', 'sub', 'aud', 'sid', 'auth_time']) assert.deepEqual(after[name], before[name], name)
  assert.equal(after.nonce, undefined)
  assert.notEqual(newer.access_token, tokens.access_token)
  assert.notEqual(newer.refresh_token, tokens.refresh_token)
  return newer
}

async function introspects(config, tokens) {
  for (const kind of ['access_token', 'refresh_token']) {
    const told = await client.tokenIntrospection(config, tokens[kind], { token_type_hint: kind })
    assert.equal(told.active, true, kind)
    assert.equal(told.iss, ISSUER)
    assert.equal(told.client_id, CLIENT_ID)
    assert.equal(told.sub, tokens.claims().sub)
    checkScope(told.scope)
  }
}

/** The access token alone, then the refresh token and with it all the rest. */
async function revokes(config, tokens) {
  await client.tokenRevocation(config, tokens.access_token, { token_type_hint: 'access_token' })
  assert.deepEqual(await client.tokenIntrospection(config, tokens.access_token), { active: false })
  const last = await refreshes(config, tokens)
  await client.tokenRevocation(config, last.refresh_token, { token_type_hint: 'refresh_token' })
  await assert.rejects(client.refreshTokenGrant(config, last.refresh_token), { error: 'invalid_grant' })
  for (const kind of ['access_token', 'refresh_token']) {
    assert.deepEqual(await client.tokenIntrospection(config, last[kind]), { active: false }, kind)
  }
  await assert.rejects(client.fetchUserInfo(config, last.access_token, last.claims().sub))
}

/** The claims of the access token as the documentation lists them. To a client it is opaque: only a test looks inside. */
function checkAccessToken(token, idTokenClaims) {
  const [header, claims] = token.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')))
  assert.equal(header.alg, 'RS256')
  assert.equal(header.typ, 'at+jwt')
  assert.equal(typeof header.kid, 'string')
  assert.equal(claims.iss, ISSUER)
  assert.equal(claims.client_id, CLIENT_ID)
  assert.equal(claims.sub, idTokenClaims.sub)
  assert.equal(claims.sid, idTokenClaims.sid)
  checkScope(claims.scope)
  for (const name of ['nbf', 'exp', 'iat', 'auth_time']) assert.ok(Number.isInteger(claims[name]), name)
  for (const name of ['idp', 'nationalId', 'jti', 'acr']) assert.equal(typeof claims[name], 'string', name)
  assert.ok(Array.isArray(claims.amr))
  assert.ok(claims.exp - claims.iat <= 300)
}

/** All that was asked for is granted. */
function checkScope(granted) {
  assert.deepEqual(scopes(granted).sort(), SCOPES.toSorted())
}

/** `at_hash` of an ID token that is signed with RS256 (OpenID Connect Core §3.1.3.6). */
function leftHalfOfHash(accessToken) {
  return createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
}

function privateKey(pkcs8) {
  return crypto.subtle.importKey('pkcs8', Buffer.from(pkcs8, 'base64'), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
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
  const missing = ['ISSUER', 'CLIENT_ID', 'REDIRECT_URI', 'PHONE_NUMBER'].filter((name) => !process.env[name])
  if (missing.length) {
    console.error(`missing in the environment: ${missing.join(', ')}`)
    process.exit(2)
  }
  return process.env
}

await completesTheExample()
console.log(`ok - openid-client completes the example with ${CLIENT_AUTH}`)
