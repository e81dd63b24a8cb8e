-- Upstream OpenID providers (eid.md §8.5): several rows of one kind stand on a page side by side and so bear names of their own; and
-- what a session proves depends on the row by which it was made, not on its kind alone: a row may be one organisation's, or be
-- disabled.

set local lock_timeout = '5s';

-- {"is": …, "en": …}; none: the kind's own name
alter table identity_providers
    add column display_name jsonb;

-- none: of a session from before, which no longer spares anybody a sign-in
alter table sessions
    add column identity_provider_id uuid;
