//! The whole way over https, with the server's own TLS.

use std::fs;

use nix::sys::signal::Signal;

use super::{
    chromium::{Chromium, View},
    driver,
};
use crate::demo::{
    command::{Running, free_port},
    directory::Dir,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out_over_the_servers_own_tls() {
    if driver::is_left_out() {
        return;
    }
    let (dir, port) = (Dir::new(), free_port());
    let (running, browser) =
        tokio::join!(Running::demo(dir.path(), port, &["--tls", "--auto-approve"]), Chromium::start(View::WIDE));
    let app = format!("https://localhost:{}", port - 10);
    browser.open(&app).await;
    browser.press("form[action='/login'] button").await;
    browser.arrives(running.address()).await;
    browser.press("button[name=identity_provider][value=sim]").await;
    browser.fill_in("#phone_number", "0102989").await;
    assert_eq!(browser.run("return isSecureContext && document.cookie", ()).await, "", "no script reads the cookies");
    browser.press("#start").await;
    browser.is_at("Gervimaður Ameríka").await;
    browser.press("form[action='/documents'] button").await;
    browser.sees(".documents").await;
    browser.press("a[href='/']:not(.brand)").await;
    browser.press("form[action='/logout'] button").await;
    browser.sees("[role=status]").await;
    browser.close().await;
    let log = fs::read_to_string(dir.path().join("ias.log")).unwrap();
    assert!(!log.contains("ERROR"), "{log}");
    assert!(running.end_by(Signal::SIGINT).await.status.success());
}
