-- Other ways to sign in than by telephone number (eid.md §8): nobody is named before a card or a code is read, so there is no number
-- to count; what the page shows is drawn from the driver's state; people may come back from another place, where the address holds
-- nothing of their request; and an upstream says itself how well it knows somebody.

set local lock_timeout = '5s';

-- request: the sealed authorization request of an attempt that leaves our pages, for the way back; gone with what was typed.
-- acr, amr: of a verified attempt, where they are not those of the identity provider's row.
alter table sign_in_attempts
    alter column subject_key drop not null,
    drop column verification_code,
    add column request text,
    add column acr text,
    add column amr text[];
