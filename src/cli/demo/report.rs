//! What a demo tells: a table for people, demo.json for programs.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use serde_json::json;

use super::{Addresses, Arguments, LOG, Node, State, say};
use crate::{
    base::secret::Secret,
    demo::eid_simulator::{BROKER_CLIENT_ID, BROKER_CLIENT_SECRET, Simulator},
};

pub(super) const FILE: &str = "demo.json";

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
                "client_secret": state.client_secret(&client.client_id).as_ref().map(Secret::expose),
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
                "app_outcome": scenario.app_outcome,
                "card_outcome": scenario.card_outcome,
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
            "app_wire": format!("{}/smart-id-rp/v3", addresses.simulator),
            "device_link": format!("{}/device-link", addresses.simulator),
            "phone": format!("{}/phone", addresses.simulator),
            "control": format!("{}/control", addresses.simulator),
            "card": json!({
                "sign": format!("{}/card/sign", addresses.simulator),
                "shim": format!("{}/card/shim.js", addresses.simulator),
                "client_certificate": format!("{}/card/{{national_id}}.p12", addresses.simulator),
                "pin": crate::demo::eid_simulator::PIN,
                "host": addresses.card,
                "host_ca_file": absolute(&data_dir.join(crate::demo::tls::FILES[0])),
            }),
            "play": simulator.catalogue(),
            "token": state.control_token().expose(),
            "brokers": simulator.brokers(),
            "broker_client": { "client_id": BROKER_CLIENT_ID, "client_secret": BROKER_CLIENT_SECRET },
        },
        "webapp": addresses.webapp,
        "ca_file": addresses.authority.as_ref().map(|authority| absolute(&authority.file())),
        "operations": format!("http://{}", node.operations),
    });
    let (path, next) = (data_dir.join(FILE), data_dir.join(format!("{FILE}.new")));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    file.write_all(&serde_json::to_vec_pretty(&document)?)?;
    fs::rename(next, path)?;
    Ok(())
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Prints the table; its last line says that everything listens.
pub(super) fn print(addresses: &Addresses, node: &Node, simulator: &Simulator, arguments: &Arguments) {
    let Addresses { issuer, simulator: phones, webapp, .. } = addresses;
    let file = |name: &str| arguments.data_dir.join(name).display().to_string();
    let mut lines = vec![
        String::new(),
        format!("  example application   {webapp}"),
        format!("  simulated telephones  {phones}/phone"),
        format!("  issuer                {issuer}"),
        format!("  its documents         {issuer}/.well-known/openid-configuration"),
        format!("  health and metrics    http://{}", node.operations),
        format!("  log                   {}", file(LOG)),
    ];
    if let Some(authority) = &addresses.authority {
        let file = authority.file().display().to_string();
        lines.push(format!(
            "  trust                 {file} vouches for what is https here, and for nothing beyond this machine"
        ));
    }
    lines.extend([String::new(), "  people who can sign in".to_owned()]);
    lines.extend(simulator.persons().into_iter().map(|person| format!("    {}   {}", person.phone_number, person.name)));
    lines.extend([String::new(), format!("  clients (their secrets are in {})", file(FILE))]);
    let configuration = node.app.configuration();
    let mut names: Vec<_> =
        configuration.snapshot().clients().map(|client| format!("    {}", client.client.client_id)).collect();
    names.sort_unstable();
    lines.extend(names);
    let answer = if arguments.auto_approve { "the telephones approve at once" } else { "confirm on the simulated telephone" };
    lines.extend([
        String::new(),
        format!("  Open {webapp} and sign in as one of these people; {answer}. Ctrl-C stops everything."),
        String::new(),
        format!("ready {issuer}"),
    ]);
    for line in &lines {
        say(line);
    }
}
