-- Clients that authenticate with a key of their own (private_key_jwt, RFC 7523): their public keys, or where they publish them,
-- and the algorithms that they sign with. A release that does not know the method goes on writing rows without it.

set local lock_timeout = '5s';

alter table clients
    add column jwks jsonb,
    add column jwks_uri text collate "C",
    add column token_endpoint_auth_signing_alg text[] collate "C" not null default '{}',
    add constraint clients_keys_fit_method check (
        num_nonnulls(jwks, jwks_uri) = case when token_endpoint_auth_method = 'private_key_jwt' then 1 else 0 end
    );
