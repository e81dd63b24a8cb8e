//! What the files ask for, against the rows as they are: what is to be written, or what is wrong.

use std::collections::{HashMap, HashSet};

use super::{
    Options,
    current::Current,
    desired::{Desired, Entry},
    fault::{Place, Report},
    wording,
};
use crate::{
    base::{
        id::{ApiResourceRowId, ClientRowId, IdentityProviderRowId, OrganisationId, ScopeRowId},
        text::LocalizedText,
    },
    flows::admin::{change::Noun, secrets::SecretsEdit},
    model::{
        api_resource::ApiResource,
        client::{Client, ClientType},
        identity_provider::{IdentityProvider, IdentityProviderKind},
        organisation::Organisation,
        scope::Scope,
        settings::{
            api_resource,
            api_resource::ApiResourceInput,
            brokers,
            client::{self, Surroundings},
            client_input::ClientInput,
            fields::{FieldError, domain_of},
            identity_provider::{self, IdentityProviderInput},
            organisation::{self, OrganisationInput},
            scope::{self, ScopeInput},
            secret::SecretSettings,
        },
    },
    store::configuration::Stored,
};

/// One row to be written, if it differs from what it is.
#[derive(Debug)]
pub(super) struct Step<T> {
    /// what the row shall be
    pub(super) value: T,
    /// what it is
    pub(super) current: Option<Stored<T>>,
    /// its owner's secrets before and after, where the file says something of them
    pub(super) secrets: Option<(Vec<SecretSettings>, Vec<SecretSettings>)>,
}

impl<T> Step<T> {
    /// What happens to the secrets.
    pub(super) fn edit(&self) -> Option<SecretsEdit<'_>> {
        self.secrets.as_ref().map(|(before, after)| SecretsEdit { before, after })
    }
}

/// Every row that the files name.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) organisations: Vec<Step<Organisation>>,
    pub(super) scopes: Vec<Step<Scope>>,
    pub(super) api_resources: Vec<Step<ApiResource>>,
    pub(super) clients: Vec<Step<Client>>,
    pub(super) identity_providers: Vec<Step<IdentityProvider>>,
}

impl Plan {
    /// Judges every entry. Where anything is reported, the plan lacks it and is not to be carried out.
    pub(super) fn make(desired: Desired, current: &Current, options: &Options<'_>, report: &mut Report) -> Self {
        let in_files = |name: &str| {
            desired.identity_providers.iter().any(|entry| entry.reading.input.as_ref().is_some_and(|input| input.name == name))
        };
        let others = current.identity_providers.values().map(|row| &row.value).filter(|provider| !in_files(&provider.name));
        let providers = others.clone().map(|provider| (provider.kind, provider.organisation_id)).collect();
        let named = desired.scopes.iter().filter_map(|entry| Some(entry.reading.input.as_ref()?.name.clone()));
        let mut planner = Planner {
            current,
            options,
            owners: current.organisations.iter().map(|(domain, row)| (domain.clone(), row.value.clone())).collect(),
            scope_names: current.scopes.keys().cloned().chain(named).collect(),
            providers,
            neighbours: others.cloned().collect(),
            seen: HashMap::new(),
            report,
        };
        Self {
            organisations: desired.organisations.into_iter().filter_map(|entry| planner.organisation(entry)).collect(),
            scopes: desired.scopes.into_iter().filter_map(|entry| planner.scope(entry)).collect(),
            api_resources: desired.api_resources.into_iter().filter_map(|entry| planner.api_resource(entry)).collect(),
            clients: desired.clients.into_iter().filter_map(|entry| planner.client(entry)).collect(),
            identity_providers: desired
                .identity_providers
                .into_iter()
                .filter_map(|entry| planner.identity_provider(entry))
                .collect(),
        }
    }
}

struct Planner<'a> {
    current: &'a Current,
    options: &'a Options<'a>,
    /// by domain
    owners: HashMap<String, Organisation>,
    scope_names: HashSet<String>,
    /// kind and owner of those judged so far, and of those that no file names
    providers: Vec<(IdentityProviderKind, Option<OrganisationId>)>,
    /// the same rows, where they could be judged
    neighbours: Vec<IdentityProvider>,
    seen: HashMap<(Noun, String), Place>,
    report: &'a mut Report,
}

impl Planner<'_> {
    fn organisation(&mut self, mut entry: Entry<OrganisationInput>) -> Option<Step<Organisation>> {
        let input = entry.reading.input.take()?;
        let domain = input.domain.clone();
        self.once(Noun::Organisation, &domain, entry.place.field("domain"));
        let current = self.current.organisations.get(&domain).cloned();
        let id = current.as_ref().map_or_else(|| OrganisationId::new(self.options.now), |row| row.value.id);
        let step = self.judge(&entry, organisation::parse(input, id), current);
        let owner = step.as_ref().map_or_else(|| self.stand_in(&domain), |step| step.value.clone());
        self.owners.insert(domain, owner);
        step
    }

    fn scope(&mut self, mut entry: Entry<ScopeInput>) -> Option<Step<Scope>> {
        let input = entry.reading.input.take()?;
        let owner = self.owner(&entry, Noun::Scope, "name", &input.name);
        let current = self.current.scopes.get(&input.name).cloned();
        let id = current.as_ref().map_or_else(|| ScopeRowId::new(self.options.now), |row| row.value.id);
        self.judge(&entry, scope::parse(input, id, &owner), current)
    }

    fn api_resource(&mut self, mut entry: Entry<ApiResourceInput>) -> Option<Step<ApiResource>> {
        let input = entry.reading.input.take()?;
        let owner = self.owner(&entry, Noun::ApiResource, "name", &input.name);
        let current = self.current.api_resources.get(&input.name).cloned();
        let id = current.as_ref().map_or_else(|| ApiResourceRowId::new(self.options.now), |row| row.value.id);
        let exists = |name: &str| self.scope_names.contains(name);
        let outcome = api_resource::parse(input, id, &owner, &exists);
        let mut step = self.judge(&entry, outcome, current)?;
        let before = self.current.api_resource_secrets.get(&id).cloned().unwrap_or_default();
        step.secrets = entry.secrets.map(|after| (before, after));
        Some(step)
    }

    fn client(&mut self, mut entry: Entry<ClientInput>) -> Option<Step<Client>> {
        let input = entry.reading.input.take()?;
        let owner = self.owner(&entry, Noun::Client, "client_id", &input.client_id);
        let current = self.current.clients.get(&input.client_id).cloned();
        let id = current.as_ref().map_or_else(|| ClientRowId::new(self.options.now), |row| row.value.id);
        let exists = |name: &str| self.scope_names.contains(name);
        let around = Surroundings { organisation: &owner, environment: self.options.environment, scope_exists: &exists };
        let (client_type, has_keys) = (input.client_type, input.jwks.is_some() || input.jwks_uri.is_some());
        let outcome = client::parse(input, id, &around);
        let before = self.current.client_secrets.get(&id).cloned().unwrap_or_default();
        let secrets = client_type.map(|client_type| self.client_secrets(&mut entry, client_type, has_keys, before));
        let mut step = self.judge(&entry, outcome, current)?;
        step.secrets = secrets;
        Some(step)
    }

    /// Seed 003: web and machine clients have a secret, unless they have keys; native ones cannot keep any. Where the file says
    /// nothing of them, they are made by `ias secrets` (CAU-07).
    fn client_secrets(
        &mut self,
        entry: &mut Entry<ClientInput>,
        client_type: ClientType,
        has_keys: bool,
        before: Vec<SecretSettings>,
    ) -> (Vec<SecretSettings>, Vec<SecretSettings>) {
        let native = client_type == ClientType::Native;
        let kept = if native { Vec::new() } else { before.clone() };
        let said = entry.secrets.is_some();
        let after = entry.secrets.take().unwrap_or(kept);
        if native && !after.is_empty() {
            self.report.add(entry.place.field("secrets"), "a native client cannot keep a secret");
        }
        if said && !native && !has_keys && after.is_empty() {
            let message = "web and machine clients need a secret: a label with sha256, value_env or value_file; \
                           leave the list out where `ias secrets add` makes them";
            self.report.add(entry.place.field("secrets"), message);
        }
        (before, after)
    }

    fn identity_provider(&mut self, mut entry: Entry<IdentityProviderInput>) -> Option<Step<IdentityProvider>> {
        let input = entry.reading.input.take()?;
        self.once(Noun::IdentityProvider, &input.name, entry.place.field("name"));
        let organisation_id = self.owner_of_provider(&entry, &input);
        let current = self.current.identity_providers.get(&input.name).cloned();
        let id = current.as_ref().map_or_else(|| IdentityProviderRowId::new(self.options.now), |row| row.value.id);
        let step =
            self.judge(&entry, identity_provider::parse(input, id, organisation_id, self.options.environment), current)?;
        for why in self.neighbours.iter().filter_map(|other| brokers::confusion(&step.value, other)) {
            self.report.add(entry.place.field("driver"), why);
        }
        self.neighbours.push(step.value.clone());
        Some(step)
    }

    /// The organisation that alone may use a provider. A session tells the kind of its provider, not which one it was: of one kind
    /// there are not both one organisation's and another's.
    fn owner_of_provider(
        &mut self,
        entry: &Entry<IdentityProviderInput>,
        input: &IdentityProviderInput,
    ) -> Option<OrganisationId> {
        let owner = input.organisation.as_deref().map(|domain| self.owners.get(domain).map(|owner| owner.id).ok_or(domain));
        let owner = owner.transpose().unwrap_or_else(|domain| {
            let known = self.owners.keys().map(String::as_str);
            self.report.add(entry.place.field("organisation"), wording::unknown("organisation", domain, known));
            None
        });
        if let Some(kind) = input.kind {
            if self.providers.iter().any(|(other, of)| *other == kind && *of != owner) {
                let message =
                    format!("there is another provider of the kind {} that is not of the same organisation", kind.as_str());
                self.report.add(entry.place.field("organisation"), message);
            }
            self.providers.push((kind, owner));
        }
        owner
    }

    /// The organisation that the prefix of a name says; one that stands in for it, where that is reported, so that the rest
    /// of the entry is judged all the same.
    fn owner<T>(&mut self, entry: &Entry<T>, noun: Noun, field: &str, name: &str) -> Organisation {
        self.once(noun, name, entry.place.field(field));
        let domain = domain_of(name).unwrap_or_default();
        if let Some(owner) = self.owners.get(domain) {
            return owner.clone();
        }
        let message = if domain.is_empty() {
            format!("`{name}` is not @domain/name, such as @myorg.is/documents")
        } else {
            wording::unknown("organisation", domain, self.owners.keys().map(String::as_str))
        };
        self.report.add(entry.place.field(field), message);
        self.stand_in(domain)
    }

    fn stand_in(&self, domain: &str) -> Organisation {
        Organisation {
            id: OrganisationId::new(self.options.now),
            domain: domain.to_owned(),
            national_id: String::new(),
            display_name: LocalizedText::default(),
            contact_email: None,
            enabled: false,
        }
    }

    /// Reports what is named twice.
    fn once(&mut self, noun: Noun, name: &str, place: Place) {
        if !name.is_empty() && self.seen.insert((noun, name.to_owned()), place.clone()).is_some() {
            self.report.add(place, format!("`{name}` stands in these files already"));
        }
    }

    fn judge<T, I>(
        &mut self,
        entry: &Entry<I>,
        outcome: Result<T, Vec<FieldError>>,
        current: Option<Stored<T>>,
    ) -> Option<Step<T>> {
        match outcome {
            Ok(value) => Some(Step { value, current, secrets: None }),
            Err(faults) => {
                self.report.add_fields(&entry.place, entry.reading.in_place(faults));
                None
            }
        }
    }
}
