//! What a demo tells: a table for people, demo.json for programs.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use serde_json::json;

use super::{Addresses, Node, State, say};
use crate::demo::eid_simulator::Simulator;

/// Writes demo.json, readable by its owner alone: it holds the demo's secrets.
pub(super) fn write(
    data_dir: &Path,
    addresses: &Addresses,
    node: &Node,
    simulator: &Simulator,
    state: &State,
) -> anyhow::Result<()> {
    let configuration = node.app.configuration();
    let mut clients: Vec<_> = configuration.snapshot().clients().collect();
    clients.sort_by(|a, b| a.client.client_id.cmp(&b.client.client_id));
    let clients: Vec<_> = clients
        .into_iter()
        .map(|client| {
            let client = &client.client;
            json!({
                "client_id": client.client_id,
                "client_secret": state.secret_of(&client.client_id),
                "token_endpoint_auth_method": client.token_endpoint_auth_method.as_str(),
                "redirect_uris": client.redirect_uris,
                "post_logout_redirect_uris": client.post_logout_redirect_uris,
            })
        })
        .collect();
    let persons: Vec<_> = simulator
        .persons()
        .into_iter()
        .map(|person| json!({ "national_id": person.national_id, "name": person.name, "phone_number": person.phone_number }))
        .collect();
    let scenarios: Vec<_> = simulator
        .scenarios()
        .into_iter()
        .map(|scenario| {
            json!({
                "national_id": scenario.national_id,
                "phone_number": scenario.phone_number,
                "outcome": scenario.outcome,
            })
        })
        .collect();
    let document = json!({
        "issuer": addresses.issuer,
        "clients": clients,
        "persons": persons,
        "scenarios": scenarios,
        "simulator": {
            "wire": format!("{}/mid-api", addresses.simulator),
            "phone": format!("{}/phone", addresses.simulator),
            "control": format!("{}/control", addresses.simulator),
            "token": state.control_token().expose(),
        },
        "operations": format!("http://{}", node.operations),
    });
    let (path, next) = (data_dir.join("demo.json"), data_dir.join("demo.json.new"));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    file.write_all(&serde_json::to_vec_pretty(&document)?)?;
    fs::rename(next, path)?;
    Ok(())
}

/// Prints the table; its last line says that everything listens.
pub(super) fn print(addresses: &Addresses, node: &Node, simulator: &Simulator, auto_approve: bool) {
    say("");
    say(&format!("  example application   {}", addresses.webapp));
    say(&format!("  issuer                {}", addresses.issuer));
    say(&format!("  the phones            {}/phone", addresses.simulator));
    say(&format!("  health and metrics    http://{}", node.operations));
    say("");
    say("  people who can sign in (phone number, name)");
    for person in simulator.persons() {
        say(&format!("    {}   {}", person.phone_number, person.name));
    }
    say("");
    say("  clients (their secrets are in demo.json, in the data directory)");
    let configuration = node.app.configuration();
    let mut names: Vec<&str> = configuration.snapshot().clients().map(|client| client.client.client_id.as_str()).collect();
    names.sort_unstable();
    for name in names {
        say(&format!("    {name}"));
    }
    say("");
    say(if auto_approve {
        "  Open the example application and sign in; the simulator approves at once."
    } else {
        "  Open the example application, sign in, and confirm on the phone page. Ctrl-C stops everything."
    });
    say("");
    say(&format!("ready {}", addresses.issuer));
}
