//! Client and redirect URI: as long as they are not proven, nothing is sent anywhere (RED-01 … RED-11).

use ias::config::environment::Environment;
use reqwest::Method;

use crate::support::{
    authorize::{Ask, CALLBACK, configure_by, send},
    server::TestServer,
};

#[tokio::test]
async fn red_01_red_02_a_fault_before_the_destination_is_proven_is_a_page() {
    let server = TestServer::start().await;
    let ask = Ask::webapp;
    let elsewhere = "https://evil.example/";
    for (ask, refusal) in [
        (ask().without("client_id"), "IAS-6001"),
        (ask().with("client_id", ""), "IAS-6001"),
        (ask().adding("client_id", "@myorg.is/webapp"), "IAS-6002"),
        (ask().with("client_id", "@myorg.is/nobody"), "IAS-6003"),
        // HTTP-17: identifiers compare byte for byte
        (ask().with("client_id", "@MyOrg.is/webapp"), "IAS-6003"),
        (ask().with("client_id", "@myorg.is/webapp "), "IAS-6003"),
        (ask().with("client_id", "@myorg.is/web\u{0}app"), "IAS-9004"),
        (ask().without("redirect_uri"), "IAS-6004"),
        (ask().adding("redirect_uri", CALLBACK), "IAS-6005"),
        (ask().adding("redirect_uri", elsewhere), "IAS-6005"),
        (ask().with("redirect_uri", elsewhere), "IAS-6006"),
        (ask().with("redirect_uri", &format!("{CALLBACK}?{}", "a".repeat(5000))), "IAS-9002"),
        (ask().adding("state", "two"), "IAS-6007"),
        // in this order, whatever else is wrong
        (ask().with("client_id", "@myorg.is/nobody").with("redirect_uri", elsewhere), "IAS-6003"),
        (ask().with("redirect_uri", elsewhere).with("response_type", "token").with("request", "a.b.c"), "IAS-6006"),
        (ask().without("redirect_uri").with("scope", "nothing"), "IAS-6004"),
    ] {
        let page = ask.both(&server).await;
        page.is_refusal(400, refusal);
        // RED-10: nothing of what was offered becomes a link
        assert_eq!(page.way_on(), None, "{page}");
        assert!(!page.html.contains("evil.example"), "{page}");
    }
}

#[tokio::test]
async fn http_01_http_02_http_05_what_cannot_be_read_as_a_whole_is_a_page() {
    let server = TestServer::start().await;
    let authorize = format!("{}/connect/authorize", server.address);
    let query = Ask::webapp().query();
    for (end, refusal) in [("&%zz=1", "IAS-9006"), ("&%ff=1", "IAS-9003"), ("&a%00=1", "IAS-9004")] {
        send(Method::GET, &format!("{authorize}?{query}{end}"), &[], None).await.is_refusal(400, refusal);
        send(Method::POST, &authorize, &[], Some(format!("{query}{end}"))).await.is_refusal(400, refusal);
    }
    let many = format!("{query}{}", "&a=1".repeat(100));
    send(Method::GET, &format!("{authorize}?{many}"), &[], None).await.is_refusal(400, "IAS-9005");
    // HTTP-01: a POST has its parameters in the body, all of them
    send(Method::POST, &format!("{authorize}?{query}"), &[], Some(query)).await.is_refusal(400, "IAS-9007");
    let json = [("content-type", "application/json")];
    send(Method::POST, &authorize, &json, None).await.is_refusal(400, "IAS-9010");
}

#[tokio::test]
async fn red_03_red_05_the_redirect_uri_is_compared_byte_for_byte() {
    let server = TestServer::start().await;
    for uri in [
        "https://app.myorg.is/oauth/callback/",
        "https://app.myorg.is/oauth/callback?a=b",
        "https://app.myorg.is/oauth/callback?",
        "https://app.myorg.is/oauth/callback#",
        "https://app.myorg.is/oauth/callbac",
        "https://app.myorg.is/oauth/",
        "https://app.myorg.is/oauth/../oauth/callback",
        "https://app.myorg.is/oauth/%63allback",
        "https://app.myorg.is:443/oauth/callback",
        "https://APP.myorg.is/oauth/callback",
        "HTTPS://app.myorg.is/oauth/callback",
        "http://app.myorg.is/oauth/callback",
        "https://app.myorg.is.evil.example/oauth/callback",
        "https://app.myorg.is@evil.example/oauth/callback",
        "https://evil.example\\@app.myorg.is/oauth/callback",
        "https://user@app.myorg.is/oauth/callback",
        " https://app.myorg.is/oauth/callback",
        "//app.myorg.is/oauth/callback",
        "/oauth/callback",
        "javascript:alert(1)",
        "JaVaScRiPt://app.myorg.is/oauth/callback",
        "data:text/html,x",
        // D10, D15: what is registered by name is exact, the port too; and web clients have no free port
        "http://localhost/oauth/callback",
        "http://localhost:2/oauth/callback",
        "http://127.0.0.1:1/oauth/callback",
    ] {
        Ask::webapp().with("redirect_uri", uri).both(&server).await.is_refusal(400, "IAS-6006");
    }
    for uri in [CALLBACK, "http://localhost:1/oauth/callback"] {
        assert_eq!(Ask::webapp().with("redirect_uri", uri).both(&server).await.location().path(), "/signin/choose");
    }
    // the query of a registered one belongs to it, in its order
    let basic = |uri| Ask::of("@conformance.is/basic-1", uri, "openid");
    for uri in ["http://localhost:1/callback?dummy1=lorem&dummy2=ipsum", "http://localhost:1/callback"] {
        assert_eq!(basic(uri).both(&server).await.location().path(), "/signin/choose", "{uri}");
    }
    for uri in ["http://localhost:1/callback?dummy2=ipsum&dummy1=lorem", "http://localhost:1/callback?dummy1=lorem"] {
        basic(uri).both(&server).await.is_refusal(400, "IAS-6006");
    }
}

#[tokio::test]
async fn red_06_a_native_clients_loopback_has_any_port_and_nothing_else_is_free() {
    let server = TestServer::start().await;
    let native = |uri: &str| Ask::native().with("redirect_uri", uri);
    for uri in ["http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback"] {
        assert_eq!(native(uri).both(&server).await.location().path(), "/signin/choose", "{uri}");
    }
    for uri in [
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:08080/callback",
        "http://127.0.0.1:+80/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:8080/callback/",
        "http://127.0.0.1:8080/callback?x=1",
        "https://127.0.0.1:8080/callback",
        "http://127.0.0.1.evil.example:8080/callback",
        "http://127.0.0.1@evil.example/callback",
        "http://127.0.0.1:8080@evil.example/callback",
        "http://localhost:8080/callback",
        "http://localhost.evil.example/callback",
        "http://127.1:8080/callback",
        "http://0x7f.1/callback",
        "http://2130706433/callback",
        "http://[::1]:8080/callback",
        "http://[::ffff:127.0.0.1]:8080/callback",
        "http://0.0.0.0:8080/callback",
    ] {
        native(uri).both(&server).await.is_refusal(400, "IAS-6006");
    }
}

const WILDCARD: &str = "
    update clients set redirect_uris = redirect_uris || array['https://*.dev.myorg.is/callback']
    where client_id = '@myorg.is/webapp'";

#[tokio::test]
async fn red_07_a_wildcard_is_one_label_and_nothing_in_production() {
    let server = TestServer::start().await;
    configure_by(&server, WILDCARD).await;
    for uri in ["https://feature-1.dev.myorg.is/callback", "https://x.dev.myorg.is/callback"] {
        assert_eq!(Ask::webapp().with("redirect_uri", uri).both(&server).await.location().path(), "/signin/choose", "{uri}");
    }
    for uri in [
        "https://*.dev.myorg.is/callback",
        "https://dev.myorg.is/callback",
        "https://.dev.myorg.is/callback",
        "https://a.b.dev.myorg.is/callback",
        "https://A.dev.myorg.is/callback",
        "https://a_b.dev.myorg.is/callback",
        "https://a.dev.myorg.is/callback/",
        "https://a.dev.myorg.is:8443/callback",
        "https://a.dev.myorg.is.evil.example/callback",
        "https://evil.example/.dev.myorg.is/callback",
        "http://a.dev.myorg.is/callback",
        &format!("https://{}.dev.myorg.is/callback", "a".repeat(64)),
    ] {
        Ask::webapp().with("redirect_uri", uri).both(&server).await.is_refusal(400, "IAS-6006");
    }
    let production = TestServer::start_with(|settings| settings.environment = Environment::Production).await;
    configure_by(&production, WILDCARD).await;
    let covered = Ask::webapp().with("redirect_uri", "https://x.dev.myorg.is/callback");
    covered.both(&production).await.is_refusal(400, "IAS-6006");
    // what is written out stays a destination
    Ask::webapp().without("scope").both(&production).await.is_error(&production, &Ask::webapp(), "invalid_scope");
}

#[tokio::test]
async fn red_10_the_page_names_the_client_as_text() {
    let server = TestServer::start().await;
    let offered = "https://evil.example/\"><script>alert(1)</script>";
    let page = Ask::webapp().with("redirect_uri", offered).get(&server).await;
    page.is_refusal(400, "IAS-6006");
    assert_eq!(page.text_of("#detail").as_deref(), Some("@myorg.is/webapp"));
    let page = Ask::webapp().with("client_id", "<script>alert(1)</script>").get(&server).await;
    page.is_refusal(400, "IAS-6003");
    assert_eq!(page.text_of("#detail").as_deref(), Some("<script>alert(1)</script>"));
    assert!(!page.html.contains("<script>alert"), "WEB-04: {page}");
}

#[tokio::test]
async fn red_11_only_a_registered_address_of_the_client_gets_errors() {
    let server = TestServer::start().await;
    let ask = Ask::webapp().with("prompt", "none");
    ask.both(&server).await.is_error(&server, &ask, "login_required");
    ask.with("redirect_uri", "https://portal.otherorg.is/oauth/callback").both(&server).await.is_refusal(400, "IAS-6006");
}
