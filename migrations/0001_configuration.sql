-- Configuration: who may sign people in, and for what (seed 003). One row for each organisation, client, scope, API resource
-- and identity provider, with every field of the seed, so that nothing has to be migrated into these tables when the flows
-- that need a field arrive.
--
-- Identifiers compare byte for byte (collate "C": HTTP-17). Ids are UUIDv7 made by the server; times are written by it, too.
-- `managed_by` says where the last edit came from; `version` counts the edits of a row, so that two editors cannot
-- overwrite one another unseen.

set local lock_timeout = '5s';

-- One row. Its version counts all edits of configuration: nodes poll it and reload (architecture.md, decision F).
-- Its environment is written by the first start: a staging database cannot be served as production (eid.md §12.10).
create table configuration (
    id boolean not null default true,
    version bigint not null,
    environment text collate "C",
    updated_at timestamptz,
    constraint configuration_pkey primary key (id),
    constraint configuration_is_one_row check (id),
    constraint configuration_environment_known check (environment in ('production', 'staging', 'development'))
);

insert into configuration (version)
values (0);

create table organisations (
    id uuid not null,
    domain text collate "C" not null,
    national_id text collate "C" not null,
    display_name_is text not null,
    display_name_en text,
    contact_email text,
    enabled boolean not null,
    managed_by text collate "C" not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint organisations_pkey primary key (id),
    constraint organisations_domain_key unique (domain),
    constraint organisations_national_id_form check (national_id ~ '^[4-7][0-9]{9}$')
);

create table scopes (
    id uuid not null,
    organisation_id uuid not null,
    name text collate "C" not null,
    display_name_is text not null,
    display_name_en text,
    description_is text not null,
    description_en text,
    supported_delegations text[] collate "C" not null,
    personal_representative_permissions text[] collate "C" not null,
    claims text[] collate "C" not null,
    enabled boolean not null,
    show_in_discovery boolean not null,
    required boolean not null,
    emphasize boolean not null,
    grant_to_authenticated_user boolean not null,
    automatic_delegation_grant boolean not null,
    also_for_delegated_user boolean not null,
    display_order smallint not null,
    managed_by text collate "C" not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint scopes_pkey primary key (id),
    constraint scopes_name_key unique (name),
    constraint scopes_organisation_id_fkey foreign key (organisation_id) references organisations (id),
    constraint scopes_display_order_range check (display_order between 0 and 999)
);

create index scopes_organisation_id_idx on scopes (organisation_id);

create table api_resources (
    id uuid not null,
    organisation_id uuid not null,
    name text collate "C" not null,
    display_name_is text not null,
    display_name_en text,
    scopes text[] collate "C" not null,
    enabled boolean not null,
    managed_by text collate "C" not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint api_resources_pkey primary key (id),
    constraint api_resources_name_key unique (name),
    constraint api_resources_organisation_id_fkey foreign key (organisation_id) references organisations (id)
);

create index api_resources_organisation_id_idx on api_resources (organisation_id);

create table clients (
    id uuid not null,
    organisation_id uuid not null,
    client_id text collate "C" not null,
    client_type text collate "C" not null,
    display_name_is text not null,
    display_name_en text,
    description text,
    contact_email text,
    enabled boolean not null,
    token_endpoint_auth_method text collate "C" not null,
    redirect_uris text[] collate "C" not null,
    post_logout_redirect_uris text[] collate "C" not null,
    initiate_login_uri text collate "C",
    identity_providers text[] collate "C" not null,
    allowed_acr text[] collate "C" not null,
    grant_types text[] collate "C" not null,
    scopes text[] collate "C" not null,
    supported_delegations text[] collate "C" not null,
    prompt_delegations boolean not null,
    require_api_scopes boolean not null,
    allow_offline_access boolean not null,
    refresh_token_expiration text collate "C" not null,
    inactive_refresh_token_ttl integer not null,
    absolute_refresh_token_ttl integer not null,
    access_token_ttl integer not null,
    id_token_ttl integer not null,
    authorization_code_ttl integer not null,
    require_pkce boolean not null,
    require_consent boolean not null,
    allow_remember_consent boolean not null,
    consent_ttl integer,
    always_include_user_claims_in_id_token boolean not null,
    update_access_token_claims_on_refresh boolean not null,
    client_claims jsonb not null,
    always_send_client_claims boolean not null,
    single_session boolean not null,
    sso boolean not null,
    not_before timestamptz,
    managed_by text collate "C" not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint clients_pkey primary key (id),
    constraint clients_client_id_key unique (client_id),
    constraint clients_organisation_id_fkey foreign key (organisation_id) references organisations (id),
    constraint clients_client_type_known check (client_type in ('web', 'native', 'machine')),
    constraint clients_refresh_token_expiration_known check (refresh_token_expiration in ('sliding', 'absolute')),
    constraint clients_native_demands_pkce check (client_type <> 'native' or require_pkce),
    constraint clients_lifetimes_range check (
        inactive_refresh_token_ttl between 1 and absolute_refresh_token_ttl
        and access_token_ttl > 0
        and id_token_ttl > 0
        and authorization_code_ttl between 1 and 60
    ),
    constraint clients_client_claims_object check (jsonb_typeof(client_claims) = 'object')
);

create index clients_organisation_id_idx on clients (organisation_id);

-- Several secrets may live at once, so that they can be changed without a pause (CAU-09). Only hashes are kept (STO-01).
create table client_secrets (
    id uuid not null,
    client_id uuid not null,
    label text not null,
    sha256 bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    constraint client_secrets_pkey primary key (id),
    constraint client_secrets_client_id_label_key unique (client_id, label),
    constraint client_secrets_client_id_fkey foreign key (client_id) references clients (id) on delete cascade,
    constraint client_secrets_sha256_length check (octet_length(sha256) = 32)
);

create table api_resource_secrets (
    id uuid not null,
    api_resource_id uuid not null,
    label text not null,
    sha256 bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    constraint api_resource_secrets_pkey primary key (id),
    constraint api_resource_secrets_api_resource_id_label_key unique (api_resource_id, label),
    constraint api_resource_secrets_api_resource_id_fkey foreign key (api_resource_id) references api_resources (id) on delete cascade,
    constraint api_resource_secrets_sha256_length check (octet_length(sha256) = 32)
);

-- `settings` holds the driver's settings without secrets. An organisation_id of null: every organisation's clients may use it.
create table identity_providers (
    id uuid not null,
    organisation_id uuid,
    name text collate "C" not null,
    kind text collate "C" not null,
    settings jsonb not null,
    acr text collate "C" not null,
    amr text[] collate "C" not null,
    enabled boolean not null,
    display_order smallint not null,
    managed_by text collate "C" not null,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint identity_providers_pkey primary key (id),
    constraint identity_providers_name_key unique (name),
    constraint identity_providers_organisation_id_fkey foreign key (organisation_id) references organisations (id),
    constraint identity_providers_kind_known check (kind in ('sim', 'app', 'card')),
    constraint identity_providers_display_order_range check (display_order between 0 and 999)
);
