"""An outside client: Authlib signs a person in, refreshes, asks about its tokens, gives them back, and is refused from then on.

The person is somebody else: the address of the authorization request goes to standard output, and the address with which the
browser came back is read from standard input.

Environment:
  ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI   the registered client; nobody needs to listen at its redirect URI
  CLIENT_AUTH                                      client_secret_basic or client_secret_post
  SCOPES                                           what is asked for
"""

import os
import secrets
from urllib.parse import parse_qs, urlsplit

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, CLIENT_AUTH, SCOPES = (
    os.environ[name] for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI", "CLIENT_AUTH", "SCOPES")
)


class Client:
    """Authlib with what discovery has told."""

    def __init__(self):
        if urlsplit(ISSUER).hostname == "localhost":
            os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # http, on this machine alone
        self.oauth = OAuth2Session(
            CLIENT_ID,
            CLIENT_SECRET,
            token_endpoint_auth_method=CLIENT_AUTH,
            revocation_endpoint_auth_method=CLIENT_AUTH,
            scope=SCOPES,
            redirect_uri=REDIRECT_URI,
            code_challenge_method="S256",
        )
        self.oauth.trust_env = False  # no proxy of the surroundings
        self.server = self.fetch(f"{ISSUER}/.well-known/openid-configuration")
        assert self.server["issuer"] == ISSUER
        self.keys = KeySet.import_key_set(self.fetch(self.server["jwks_uri"]))

    def fetch(self, url):
        answer = self.oauth.get(url, withhold_token=True)
        answer.raise_for_status()
        return answer.json()

    def signs_in(self):
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        url, state = self.oauth.create_authorization_url(
            self.server["authorization_endpoint"], code_verifier=verifier, nonce=nonce, response_mode="query"
        )
        print(url, flush=True)
        callback = input()
        assert parse_qs(urlsplit(callback).query)["iss"] == [ISSUER]  # RFC 9207
        tokens = self.oauth.fetch_token(
            self.server["token_endpoint"], authorization_response=callback, state=state, code_verifier=verifier
        )
        return tokens, self.claims(tokens, nonce)

    def claims(self, tokens, nonce):
        """The token response, and its ID token by OpenID Connect Core §3.1.3.7."""
        assert tokens["token_type"] == "Bearer" and 0 < tokens["expires_in"] <= 300
        assert set(tokens["scope"].split()) == set(SCOPES.split())
        token = jwt.decode(tokens["id_token"], self.keys, algorithms=["RS256"])
        options = {name: {"essential": True} for name in ("sub", "exp", "iat", "auth_time", "acr", "amr", "at_hash", "sid")}
        options |= {name: {"essential": True, "value": value} for name, value in (("iss", ISSUER), ("aud", CLIENT_ID))}
        if nonce is not None:
            options["nonce"] = {"essential": True, "value": nonce}
        parameters = {"nonce": nonce, "client_id": CLIENT_ID, "access_token": tokens["access_token"]}
        claims = CodeIDToken(token.claims, token.header, options, parameters)
        claims.validate(leeway=0)
        return claims

    def userinfo_tells(self, claims):
        told = self.fetch_with_token(self.server["userinfo_endpoint"])
        assert told["sub"] == claims["sub"] and told["nationalId"] and told["name"], told

    def fetch_with_token(self, url):
        answer = self.oauth.get(url)
        answer.raise_for_status()
        return answer.json()

    def refreshes(self, tokens, signed_in):
        """New tokens of the same sign-in (OpenID Connect Core §12.2)."""
        newer = self.oauth.refresh_token(self.server["token_endpoint"], refresh_token=tokens["refresh_token"])
        claims = self.claims(newer, None)
        assert "nonce" not in claims
        for name in ("iss", "sub", "aud", "sid", "auth_time"):
            assert claims[name] == signed_in[name], name
        for name in ("access_token", "refresh_token"):
            assert newer[name] != tokens[name], name
        return dict(newer)

    def introspects(self, token, kind):
        answer = self.oauth.introspect_token(self.server["introspection_endpoint"], token=token, token_type_hint=kind)
        answer.raise_for_status()
        return answer.json()

    def introspection_tells(self, tokens, claims):
        for kind in ("access_token", "refresh_token"):
            told = self.introspects(tokens[kind], kind)
            assert told["active"] is True, kind
            assert (told["iss"], told["client_id"], told["sub"]) == (ISSUER, CLIENT_ID, claims["sub"]), told
            assert set(told["scope"].split()) == set(SCOPES.split()), told

    def revokes(self, token, kind):
        answer = self.oauth.revoke_token(self.server["revocation_endpoint"], token=token, token_type_hint=kind)
        assert answer.status_code == 200, answer.text

    def is_refused(self, refresh_token):
        try:
            self.oauth.refresh_token(self.server["token_endpoint"], refresh_token=refresh_token)
        except OAuthError as error:
            assert error.error == "invalid_grant", error
        else:
            raise AssertionError("a revoked refresh token was taken")


def main():
    client = Client()
    tokens, claims = client.signs_in()
    client.userinfo_tells(claims)
    for _ in range(2):
        tokens = client.refreshes(tokens, claims)
    client.introspection_tells(tokens, claims)

    # the access token alone, then the refresh token and with it all the rest
    client.revokes(tokens["access_token"], "access_token")
    assert client.introspects(tokens["access_token"], "access_token") == {"active": False}
    last = client.refreshes(tokens, claims)
    client.revokes(last["refresh_token"], "refresh_token")
    client.is_refused(last["refresh_token"])
    for kind in ("access_token", "refresh_token"):
        assert client.introspects(last[kind], kind) == {"active": False}, kind
    print(f"ok - Authlib completes the example with {CLIENT_AUTH}")


main()
