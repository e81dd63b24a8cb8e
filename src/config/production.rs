//! What production refuses (OPS-02; eid.md §12): pure rules over the settings, each fault with what to do.

use super::Settings;

/// The rules of production over the settings alone; empty where they are safe.
pub fn check(settings: &Settings) -> Vec<String> {
    let mut faults = check_https(settings);
    faults.extend(check_issuer(settings));
    faults.extend(check_proxies(settings));
    faults.extend(check_card_host(settings));
    faults.extend(check_database(settings));
    faults.extend(check_keys(settings));
    faults.extend(check_limits(settings));
    faults.extend(settings.outbound.faults_outside_development());
    faults
}

/// A binary that holds the simulator does not serve real people (eid.md §12 (8)).
pub fn check_build(has_demo: bool) -> Option<String> {
    has_demo.then(|| {
        "environment: this binary was built with the simulator and the demo, which production refuses; \
         build with `cargo build --release --no-default-features`"
            .into()
    })
}

/// Outside development, tokens and cookies travel over TLS only.
pub fn check_https(settings: &Settings) -> Vec<String> {
    let issuer = &settings.server.issuer;
    if issuer.is_https() {
        return vec![];
    }
    vec![format!("server.issuer: `{}` must begin with https:// outside development", issuer.as_str())]
}

fn check_issuer(settings: &Settings) -> Option<String> {
    let issuer = &settings.server.issuer;
    (!issuer.is_public()).then(|| {
        format!("server.issuer: `{}` must have a public host name, no address and no reserved domain", issuer.as_str())
    })
}

// Where the server speaks no TLS itself, a proxy always stands in front (PRX-02).
fn check_proxies(settings: &Settings) -> Vec<String> {
    let proxies = &settings.server.trusted_proxies;
    if proxies.is_empty() && settings.server.tls_files().is_none() {
        return vec![
            "server.trusted_proxies: is empty; name the networks of the TLS proxy in front, as in \
             IAS__SERVER__TRUSTED_PROXIES=10.0.3.0/28, or let the server speak TLS itself, with \
             server.tls_certificate and server.tls_key"
                .into(),
        ];
    }
    let all = proxies.iter().filter(|network| network.prefix_len() == 0);
    all.map(|network| format!("server.trusted_proxies: `{network}` trusts everybody; name the proxies' own networks")).collect()
}

// X5-08, PRX-04: a certificate is no secret, and an address proves nobody. What a header says of a handshake is believed on the
// proxy's own machine, where nobody else reaches the listener.
fn check_card_host(settings: &Settings) -> Option<String> {
    let server = &settings.server;
    let open =
        server.card_listen.filter(|listen| server.card_tls_files().is_none() && !listen.ip().to_canonical().is_loopback());
    open.map(|listen| {
        format!(
            "server.card_listen: `{listen}` would take certificates by a header from the network; give the listener a certificate of \
             its own (server.card_tls_certificate and server.card_tls_key), or let it listen on 127.0.0.1 or [::1] beside its TLS proxy"
        )
    })
}

fn check_database(settings: &Settings) -> Vec<String> {
    let database = &settings.database;
    let urls = [("url", &database.url), ("migrate_url", &database.migrate_url), ("listen_url", &database.listen_url)];
    let open = urls.into_iter().filter(|(_, url)| url.as_ref().is_some_and(|url| !is_private(url.expose())));
    open.map(|(key, _)| {
        format!("database.{key}: must say sslmode=verify-full (with sslrootcert=…), or lead to a unix socket (STO-11)")
    })
    .collect()
}

/// Whether the way to the database is verified TLS or a unix socket.
fn is_private(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let last = |names: &[&str]| {
        url.query_pairs().filter(|(name, _)| names.contains(&&**name)).last().map(|(_, value)| value.into_owned())
    };
    let verified = last(&["sslmode", "ssl-mode"]).is_some_and(|mode| mode == "verify-full");
    let socket = last(&["host"]).map_or_else(
        || url.host_str().is_some_and(|host| host.starts_with("%2F") || host.starts_with("%2f")),
        |host| host.starts_with('/'),
    );
    verified || socket
}

fn check_keys(settings: &Settings) -> Vec<String> {
    let mut faults = Vec::new();
    // Of 32 random bytes, 16 or fewer different ones have a chance of one in 10^17; what people type has few.
    let made_by_hand = settings.keys.master_key.as_ref().is_some_and(|key| {
        let mut seen = key.expose().to_vec();
        seen.sort_unstable();
        seen.dedup();
        let few = seen.len() <= 16;
        let typed = key.expose().iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        zeroize::Zeroize::zeroize(&mut seen);
        few || typed
    });
    if made_by_hand {
        faults.push("keys.master_key: was not made at random; make one with `openssl rand -base64 32`".into());
    }
    if settings.keys.announce_ttl < time::Duration::hours(24) {
        faults.push(
            "keys.announce_ttl: must be at least 24h, so that every client's cache has the key before it signs (KEY-04)".into(),
        );
    }
    faults
}

// security-requirements.md §0.2: what a limit may be set to has an end where people are real.
fn check_limits(settings: &Settings) -> Vec<String> {
    let mut faults = Vec::new();
    for (key, value, most) in [
        ("session.idle_ttl", settings.session.idle_ttl, time::Duration::minutes(60)),
        ("session.absolute_ttl", settings.session.absolute_ttl, time::Duration::hours(8)),
        ("sign_in.request_ttl", settings.sign_in.request_ttl, time::Duration::minutes(15)),
    ] {
        if value > most {
            faults.push(format!("{key}: must be at most {} minutes in production", most.whole_minutes()));
        }
    }
    faults
}
