// A person with a small browser, as tests/it/support/person.rs is for the Rust tests: follows redirects, keeps cookies, fills
// in the sign-in pages. It speaks through node:http because fetch does not let a program say that it navigates.

import http from 'node:http'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'node-html-parser'

const PATIENCE_MS = 30_000

export class Person {
  #cookies = [] // { host, path, name, value }
  #page // { url, status, headers, root, html }

  /** From the client's authorization request to its redirect URI, which is returned and not asked. */
  async signIn(authorizationUrl, phoneNumber, redirectUri) {
    const deadline = Date.now() + PATIENCE_MS
    let stopped = await this.open(authorizationUrl, redirectUri)
    while (!stopped) {
      const page = this.#page
      if (page.status >= 400) throw new Error(`${page.url} answers ${page.status}:\n${page.html}`)
      if (Date.now() > deadline) throw new Error(`still waiting on ${page.url}:\n${page.html}`)
      const filled = signInStep(page.root, phoneNumber)
      if (filled) {
        stopped = await this.submit(filled, redirectUri)
      } else {
        await sleep(200)
        stopped = await this.#navigate('GET', refreshesTo(page), undefined, page.url, redirectUri)
      }
    }
    return stopped
  }

  /** To the address before which the browser stops; where the server asks first, says yes. */
  async signOut(endSessionUrl, postLogoutRedirectUri) {
    const stopped = await this.open(endSessionUrl, postLogoutRedirectUri)
    return stopped ?? this.submit({ decision: 'logout' }, postLogoutRedirectUri)
  }

  /** Opens an address as if typed. Gives the address where the browser has stopped, or nothing where it is on a page. */
  async open(url, stopAt) {
    return this.#navigate('GET', new URL(url), undefined, undefined, stopAt)
  }

  /** Submits the form that has all these fields and buttons; its other fields go with it as they are. */
  async submit(filled, stopAt) {
    const { url, root, html } = this.#page
    const form = root.querySelectorAll('form').find((form) => Object.entries(filled).every(([name, value]) => takes(form, name, value)))
    if (!form) throw new Error(`no form for ${JSON.stringify(filled)} on ${url}:\n${html}`)
    const action = new URL(form.getAttribute('action') ?? '', url)
    const fields = new URLSearchParams(fieldsOf(form))
    for (const [name, value] of Object.entries(filled)) fields.set(name, value)
    if (form.getAttribute('method')?.toLowerCase() === 'post') return this.#navigate('POST', action, fields, url, stopAt)
    action.search = fields
    return this.#navigate('GET', action, undefined, url, stopAt)
  }

  async #navigate(method, url, fields, from, stopAt) {
    for (let hops = 0; hops < 20; hops++) {
      if (stopAt && url.href.startsWith(stopAt)) return url
      const answer = await this.#request(method, url, fields, from)
      this.#keepCookies(url, answer.headers['set-cookie'] ?? [])
      if (answer.status >= 300 && answer.status < 400 && answer.headers.location) {
        if (answer.status === 307) throw new Error(`${url} sends a form on`) // RFC 9700 §4.12
        url = new URL(answer.headers.location, url)
        method = 'GET'
        fields = undefined
        continue
      }
      this.#page = { url, ...answer, root: parse(answer.html) }
      return undefined
    }
    throw new Error(`too many redirects, the last one to ${url}`)
  }

  #request(method, url, fields, from) {
    const headers = {
      accept: 'text/html,*/*;q=0.8',
      'accept-language': 'is',
      'sec-fetch-dest': 'document',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-site': relation(from, url),
    }
    const cookies = this.#cookies.filter((cookie) => cookie.host === url.hostname && covers(cookie.path, url.pathname))
    if (cookies.length) headers.cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
    if (fields) {
      headers['content-type'] = 'application/x-www-form-urlencoded'
      // A page that asks for no referrer hides its origin in its forms, too (Fetch §3.1).
      headers.origin = this.#page.headers['referrer-policy'] === 'no-referrer' ? 'null' : this.#page.url.origin
    }
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? https : http).request(url, { method, headers }, (response) => {
        const chunks = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('end', () => {
          resolve({ status: response.statusCode, headers: response.headers, html: Buffer.concat(chunks).toString() })
        })
        response.on('error', reject)
      })
      request.on('error', reject)
      request.end(fields?.toString())
    })
  }

  #keepCookies(url, lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim())
      const [name, value] = split(pair)
      const read = Object.fromEntries(attributes.map((attribute) => split(attribute)).map(([key, text]) => [key.toLowerCase(), text]))
      const cookie = { host: url.hostname, path: read.path || '/', name, value }
      this.#cookies = this.#cookies.filter((old) => old.host !== cookie.host || old.path !== cookie.path || old.name !== name)
      const isOver = read['max-age'] !== undefined ? Number(read['max-age']) <= 0 : read.expires && Date.parse(read.expires) <= Date.now()
      if (!isOver) this.#cookies.push(cookie)
    }
  }
}

/** What a person does on this page; nothing while the phone is awaited. */
function signInStep(root, phoneNumber) {
  for (const form of root.querySelectorAll('form')) {
    const filled = {}
    if (form.querySelector('input[name="phone_number"]')) filled.phone_number = phoneNumber
    if (takes(form, 'identity_provider', 'sim')) filled.identity_provider = 'sim'
    if (takes(form, 'decision', 'allow')) filled.decision = 'allow'
    if (Object.keys(filled).length) return filled
  }
  return undefined
}

function refreshesTo({ url, root }) {
  const target = root.querySelector('meta[http-equiv="refresh"]')?.getAttribute('content')?.split('url=')[1]
  return target ? new URL(target, url) : url
}

const isButton = (control) => control.tagName === 'BUTTON' || control.getAttribute('type') === 'submit'

function controlsOf(form) {
  const ignored = (control) => control.hasAttribute('disabled') || ['button', 'reset'].includes(control.getAttribute('type'))
  return form.querySelectorAll('input[name], button[name]').filter((control) => !ignored(control))
}

function takes(form, name, value) {
  return controlsOf(form).some(
    (control) => control.getAttribute('name') === name && (!isButton(control) || control.getAttribute('value') === value),
  )
}

function fieldsOf(form) {
  const unchecked = (control) => ['checkbox', 'radio'].includes(control.getAttribute('type')) && !control.hasAttribute('checked')
  return controlsOf(form)
    .filter((control) => !isButton(control) && !unchecked(control))
    .map((control) => [control.getAttribute('name'), control.getAttribute('value') ?? ''])
}

function relation(from, to) {
  if (!from) return 'none'
  if (from.origin === to.origin) return 'same-origin'
  return from.hostname === to.hostname ? 'same-site' : 'cross-site'
}

/** RFC 6265 §5.1.4 */
const covers = (cookiePath, path) => path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`)

function split(pair) {
  const at = pair.indexOf('=')
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
}
