//! Tables of attacks and properties for redirect URIs.

use proptest::prelude::*;

use super::{RedirectUriFault as Fault, *};

const WEB: RegistrationRules<'static> =
    RegistrationRules { domain: "example.is", native: false, http_localhost: false, wildcard: false, https_ip_literal: false };
const NATIVE: RegistrationRules<'static> = RegistrationRules { native: true, ..WEB };
const DEVELOPMENT: RegistrationRules<'static> =
    RegistrationRules { http_localhost: true, wildcard: true, https_ip_literal: true, ..WEB };
const EXACT: MatchRules = MatchRules { loopback_any_port: false, wildcard: false };
const NATIVE_MATCH: MatchRules = MatchRules { loopback_any_port: true, wildcard: false };
const STAGING_MATCH: MatchRules = MatchRules { loopback_any_port: false, wildcard: true };

#[test]
fn good_addresses_can_be_registered() {
    for (uri, rules) in [
        ("https://app.example.is/callback", WEB),
        ("https://app.example.is", WEB),
        ("HTTPS://App.Example.is/callback", WEB),
        ("https://app.example.is:8443/callback?tenant=1&x=%C3%B0", WEB),
        ("https://xn--tlvukerfi-m4a.is/callback", WEB),
        ("https://app.example.is/@user/callback", WEB),
        ("https://app.example.is?tenant=1", WEB),
        ("https://localhost:5001/callback", WEB),
        ("http://127.0.0.1/callback", NATIVE),
        ("http://127.0.0.1:4321/callback", NATIVE),
        ("http://[::1]/callback", NATIVE),
        ("is.example.app:/callback", NATIVE),
        ("is.example.app://callback", NATIVE),
        ("is.example.app:///callback", NATIVE),
        ("Is.Example.App:callback", NATIVE),
        ("http://localhost:3000/callback", DEVELOPMENT),
        ("https://10.0.0.1/callback", DEVELOPMENT),
        ("https://[2001:db8::1]:8443/callback", DEVELOPMENT),
        ("https://*.dev.example.is/oauth/callback", DEVELOPMENT),
        ("https://*.a.dev.example.is:8443/callback?a=b", DEVELOPMENT),
    ] {
        assert_eq!(check_registration(uri, &rules), Ok(()), "{uri}");
    }
}

#[test]
fn red_04_bad_addresses_cannot_be_registered() {
    let long = format!("https://app.example.is/{}", "a".repeat(MAX_LENGTH));
    for (uri, rules, fault) in [
        (long.as_str(), WEB, Fault::TooLong),
        ("", WEB, Fault::NotAbsolute),
        ("/callback", WEB, Fault::NotAbsolute),
        ("//app.example.is/callback", WEB, Fault::NotAbsolute),
        ("https:", WEB, Fault::NotAbsolute),
        ("https:app.example.is/callback", WEB, Fault::NotAbsolute),
        ("https:/app.example.is/callback", WEB, Fault::NotAbsolute),
        ("https:///app.example.is/callback", WEB, Fault::Host),
        ("1https://app.example.is/", WEB, Fault::NotAbsolute),
        ("https://app.example.is/#", WEB, Fault::Fragment),
        ("https://app.example.is/#a", WEB, Fault::Fragment),
        ("https://user@app.example.is/", WEB, Fault::UserInfo),
        ("https://user:pass@app.example.is/", WEB, Fault::UserInfo),
        ("is.example.app://user@callback", NATIVE, Fault::UserInfo),
        ("https://app.example.is\\@evil.is/", WEB, Fault::Character),
        ("https:\\\\app.example.is/", WEB, Fault::Character),
        ("https://app.example.is/a b", WEB, Fault::Character),
        (" https://app.example.is/", WEB, Fault::Character),
        ("https://app.example.is/\n", WEB, Fault::Character),
        ("https://app.example.is/\0", WEB, Fault::Character),
        ("https://app.example.is/\u{7f}", WEB, Fault::Character),
        ("https://þjónusta.is/", WEB, Fault::Character),
        ("https://app.example.is/ð", WEB, Fault::Character),
        ("https://app.example.is/<script>", WEB, Fault::Character),
        ("https://app.example.is/\"", WEB, Fault::Character),
        ("https://app.example.is/[x]", WEB, Fault::Character),
        ("https://app.example.is/%", WEB, Fault::PercentEncoding),
        ("https://app.example.is/%2", WEB, Fault::PercentEncoding),
        ("https://app.example.is/%zz", WEB, Fault::PercentEncoding),
        ("https://app.example.is:/", WEB, Fault::Port),
        ("https://app.example.is:0/", WEB, Fault::Port),
        ("https://app.example.is:0443/", WEB, Fault::Port),
        ("https://app.example.is:+443/", WEB, Fault::Port),
        ("https://app.example.is:65536/", WEB, Fault::Port),
        ("https://app.example.is:4:4/", WEB, Fault::Port),
        ("https://app..example.is/", WEB, Fault::Host),
        ("https://app.example.is./", WEB, Fault::Host),
        ("https://.example.is/", WEB, Fault::Host),
        ("https://app_1.example.is/", WEB, Fault::Host),
        ("https://app%2eexample.is/", WEB, Fault::Host),
        ("https://127.1/", DEVELOPMENT, Fault::Host),
        ("https://0x7f.1/", DEVELOPMENT, Fault::Host),
        ("https://0x7f/", DEVELOPMENT, Fault::Host),
        ("https://2130706433/", DEVELOPMENT, Fault::Host),
        ("https://[::1/", DEVELOPMENT, Fault::Port),
        ("https://[fe80::1%25eth0]/", DEVELOPMENT, Fault::Host),
        ("https://[::1]evil.is/", DEVELOPMENT, Fault::Host),
        ("https://10.0.0.1/", WEB, Fault::IpLiteral),
        ("https://[2001:db8::1]/", WEB, Fault::IpLiteral),
        ("http://app.example.is/", WEB, Fault::Http),
        ("http://127.0.0.1/", WEB, Fault::Http),
        ("http://127.0.0.1/", DEVELOPMENT, Fault::Http),
        ("http://localhost/", WEB, Fault::Http),
        ("http://localhost/", NATIVE, Fault::Http),
        ("http://localhost.evil.is/", DEVELOPMENT, Fault::Http),
        ("http://127.0.0.2/", NATIVE, Fault::Http),
        ("http://0.0.0.0/", NATIVE, Fault::Http),
        ("http://[::ffff:127.0.0.1]/", NATIVE, Fault::Http),
        ("http://[0:0:0:0:0:0:0:1]/", NATIVE, Fault::Http),
        ("is.example.app:/callback", WEB, Fault::PrivateSchemeNotNative),
        ("myapp:/callback", NATIVE, Fault::Scheme),
        ("is..app:/callback", NATIVE, Fault::Scheme),
        ("app.:/callback", NATIVE, Fault::Scheme),
        ("javascript:alert(1)", NATIVE, Fault::Scheme),
        ("JavaScript:alert(1)", NATIVE, Fault::Scheme),
        ("DATA:text/html,hi", NATIVE, Fault::Scheme),
        ("vbscript:x", NATIVE, Fault::Scheme),
        ("blob:https://app.example.is/1", NATIVE, Fault::Scheme),
        ("file:///etc/passwd", NATIVE, Fault::Scheme),
        ("about:blank", NATIVE, Fault::Scheme),
        ("https://app.example.is/?code=1", WEB, Fault::ResponseParameter),
        ("https://app.example.is/?a=b&%73tate=1", WEB, Fault::ResponseParameter),
        ("https://app.example.is/?iss", WEB, Fault::ResponseParameter),
        ("is.example.app:/?access_token=1", NATIVE, Fault::ResponseParameter),
    ] {
        assert_eq!(check_registration(uri, &rules), Err(fault), "{uri}");
        assert!(!fault.to_string().contains("  "), "{fault}");
    }
}

#[test]
fn red_07_a_wildcard_has_one_place_under_the_organisations_domain() {
    for (uri, fault) in [
        ("https://*.example.is/callback", Fault::WildcardDomain),
        ("https://*.is/callback", Fault::WildcardDomain),
        ("https://*.dev.other.is/callback", Fault::WildcardDomain),
        ("https://*.dev.notexample.is/callback", Fault::WildcardDomain),
        ("https://*.Dev.example.is/callback", Fault::WildcardDomain),
        ("https://*/callback", Fault::WildcardPlace),
        ("https://*.*.dev.example.is/callback", Fault::WildcardPlace),
        ("https://a*.dev.example.is/callback", Fault::WildcardPlace),
        ("https://*a.dev.example.is/callback", Fault::WildcardPlace),
        ("https://a.*.dev.example.is/callback", Fault::WildcardPlace),
        ("https://*.dev.example.is/*", Fault::WildcardPlace),
        ("https://*.dev.example.is/callback?a=*", Fault::WildcardPlace),
        ("https://a.dev.example.is/*", Fault::WildcardPlace),
        ("http://*.dev.example.is/callback", Fault::WildcardPlace),
        ("https://*.dev.example.is:*/callback", Fault::Port),
        ("https://*..dev.example.is/callback", Fault::Host),
    ] {
        assert_eq!(check_registration(uri, &DEVELOPMENT), Err(fault), "{uri}");
    }
    assert_eq!(check_registration("https://*.dev.example.is/", &WEB), Err(Fault::WildcardNotAllowed));
    let no_domain = RegistrationRules { domain: "", ..DEVELOPMENT };
    assert_eq!(check_registration("https://*.dev.example.is/", &no_domain), Err(Fault::WildcardDomain));
    let native = RegistrationRules { native: true, ..DEVELOPMENT };
    assert_eq!(check_registration("is.app://*.dev.example.is/", &native), Err(Fault::WildcardPlace));
}

#[test]
fn red_03_only_the_same_bytes_match() {
    let registered = "https://app.example.is/callback?a=1&b=2";
    assert!(matches(registered, registered, EXACT));
    for presented in [
        "https://app.example.is/callback",
        "https://app.example.is/callback?b=2&a=1",
        "https://app.example.is/callback?a=1&b=2&c=3",
        "https://app.example.is/callback?a=1&b=%32",
        "https://app.example.is/callback/?a=1&b=2",
        "https://app.example.is/x/../callback?a=1&b=2",
        "https://app.example.is/./callback?a=1&b=2",
        "https://app.example.is:443/callback?a=1&b=2",
        "https://APP.example.is/callback?a=1&b=2",
        "HTTPS://app.example.is/callback?a=1&b=2",
        "https://app.example.is/Callback?a=1&b=2",
        "https://app.example.is.evil.is/callback?a=1&b=2",
        "https://app.example.is@evil.is/callback?a=1&b=2",
        "https://app.example.is\\.evil.is/callback?a=1&b=2",
        "https://app.example.is/callback?a=1&b=2#",
        "https://app.example.is/callback?a=1&b=2 ",
        "",
    ] {
        for rules in [EXACT, NATIVE_MATCH, STAGING_MATCH] {
            assert!(!matches(registered, presented, rules), "{presented}");
        }
    }
}

#[test]
fn red_06_only_the_port_of_a_loopback_literal_is_free() {
    for (registered, presented) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65535/cb"),
        ("http://127.0.0.1:80/cb?a=b", "http://127.0.0.1:51004/cb?a=b"),
        ("http://[::1]/cb", "http://[::1]:51004/cb"),
        ("http://127.0.0.1", "http://127.0.0.1:51004"),
    ] {
        assert!(matches(registered, presented, NATIVE_MATCH), "{presented}");
        assert!(!matches(registered, presented, EXACT), "never for web clients: {presented}");
    }
    for presented in [
        "http://127.0.0.1.evil:8080/cb",
        "http://127.0.0.1@evil.is/cb",
        "http://127.0.0.1:80@evil.is/cb",
        "http://localhost:8080/cb",
        "http://localhost.evil.is:8080/cb",
        "http://127.1:8080/cb",
        "http://0x7f.1:8080/cb",
        "http://0x7f000001:8080/cb",
        "http://2130706433:8080/cb",
        "http://017700000001:8080/cb",
        "http://[::ffff:127.0.0.1]:8080/cb",
        "http://[::1]:8080/cb",
        "http://0.0.0.0:8080/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:08080/cb",
        "http://127.0.0.1:+8080/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1: 8080/cb",
        "http://127.0.0.1:8080/cb/",
        "http://127.0.0.1:8080/cb?a=b",
        "http://127.0.0.1:8080/../cb",
        "HTTP://127.0.0.1:8080/cb",
        "https://127.0.0.1:8080/cb",
    ] {
        assert!(!matches("http://127.0.0.1/cb", presented, NATIVE_MATCH), "{presented}");
    }
    // D10: `localhost` is matched exactly, port included.
    assert!(matches("http://localhost:3000/cb", "http://localhost:3000/cb", NATIVE_MATCH));
    assert!(!matches("http://localhost:3000/cb", "http://localhost:3001/cb", NATIVE_MATCH));
    assert!(!matches("https://127.0.0.1/cb", "https://127.0.0.1:8443/cb", NATIVE_MATCH));
}

#[test]
fn red_07_the_star_stands_for_one_label() {
    let registered = "https://*.dev.example.is/callback";
    let (longest, too_long) = ("a".repeat(63), "a".repeat(64));
    for label in ["pr-12", "0", "a", longest.as_str()] {
        let presented = format!("https://{label}.dev.example.is/callback");
        assert!(matches(registered, &presented, STAGING_MATCH), "{presented}");
        assert!(!matches(registered, &presented, EXACT), "no wildcard in production");
    }
    for label in ["", "a.b", "A", "*", "a_b", "a%2db", "a@b", "é", "a/", "evil.is/", "evil.is\\", "evil.is?", too_long.as_str()]
    {
        let presented = format!("https://{label}.dev.example.is/callback");
        assert!(!matches(registered, &presented, STAGING_MATCH), "{presented}");
    }
    for presented in [
        "https://dev.example.is/callback",
        "https://a.dev.example.is/callback/",
        "https://a.dev.example.is:443/callback",
        "https://a.dev.example.is/callback?x",
        "http://a.dev.example.is/callback",
        "https://a.dev.example.is.evil.is/callback",
        "https://a.xdev.example.is/callback",
        "https://*.dev.example.is/callback",
    ] {
        assert!(!matches(registered, presented, STAGING_MATCH), "{presented}");
    }
    assert!(!matches(registered, registered, EXACT), "the pattern itself is no address");
}

#[test]
fn red_05_a_request_meets_the_same_syntax() {
    for uri in ["https://app.example.is/cb", "http://localhost:3000/cb", "http://[::1]:3000/cb", "is.example.app:/cb"] {
        assert!(presentable(uri), "{uri}");
    }
    for uri in [
        "http://app.example.is/cb",
        "https://*.dev.example.is/cb",
        "javascript:alert(1)//https://app.example.is",
        "https://app.example.is/?state=1",
        "https://app.example.is/cb#x",
        "https://app.example.is/cb\r\nSet-Cookie: a=b",
    ] {
        assert!(!presentable(uri), "{uri}");
    }
    let longest = format!("https://app.example.is/{}", "a".repeat(MAX_LENGTH - 23));
    assert_eq!(longest.len(), MAX_LENGTH);
    assert!(presentable(&longest));
    assert!(!presentable(&format!("{longest}a")));
}

#[test]
fn an_origin_is_a_csp_source() {
    for (uri, source) in [
        ("https://app.example.is/cb?a=b", Some("https://app.example.is")),
        ("HTTPS://App.example.is:8443/cb", Some("https://app.example.is:8443")),
        ("http://127.0.0.1:51004/cb", Some("http://127.0.0.1:51004")),
        ("http://[::1]:51004/cb", Some("http:")),
        ("is.Example.app:/cb", Some("is.example.app:")),
        ("javascript:alert(1)", None),
        ("https://app.example.is;script-src/cb", None),
        ("https://app.example.is,/cb", None),
    ] {
        assert_eq!(origin(uri).as_deref(), source, "{uri}");
    }
}

#[test]
fn rsp_01_parameters_are_added_and_the_query_stays() {
    for (uri, full) in [
        ("https://a.is/cb", "https://a.is/cb?code=a%2Fb&state=%C3%B0+%26"),
        ("https://a.is/cb?", "https://a.is/cb?code=a%2Fb&state=%C3%B0+%26"),
        ("https://a.is/cb?x=%7e&y", "https://a.is/cb?x=%7e&y&code=a%2Fb&state=%C3%B0+%26"),
        ("https://a.is", "https://a.is?code=a%2Fb&state=%C3%B0+%26"),
        ("is.example.app:/cb", "is.example.app:/cb?code=a%2Fb&state=%C3%B0+%26"),
    ] {
        assert_eq!(with_query(uri, &[("code", "a/b"), ("state", "ð &")]), full);
    }
    assert_eq!(with_query("https://a.is/cb", &[]), "https://a.is/cb");
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".*", prefix in "(https://|http://|is\\.app:|)") {
        let uri = format!("{prefix}{text}");
        let _ = (presentable(&uri), origin(&uri), check_registration(&uri, &DEVELOPMENT));
    }

    #[test]
    fn without_wildcard_or_loopback_a_match_is_equality(a in "https://[a-c.*/?:@]{0,6}", b in "https://[a-c.*/?:@]{0,6}") {
        prop_assert!(!matches(&a, &b, EXACT) || a == b);
        prop_assert!(!matches(&a, &b, NATIVE_MATCH) || a == b);
    }

    #[test]
    fn what_can_be_registered_without_a_star_can_be_presented(uri in "(https|http|is\\.app)://?[a-z0-9.\\[\\]:%@-]{0,12}(/[a-z%0-9]{0,4})?(\\?[a-z=&]{0,6})?") {
        for rules in [WEB, NATIVE, DEVELOPMENT] {
            if check_registration(&uri, &rules).is_ok() {
                prop_assert!(presentable(&uri));
                prop_assert!(matches(&uri, &uri, EXACT));
            }
        }
    }

    #[test]
    fn browsers_see_the_host_that_we_see(uri in "https://[a-z0-9.:@\\[\\]/?%-]{0,16}") {
        if presentable(&uri) {
            // A second reader may normalise, but it must agree about who is addressed.
            let parsed = url::Url::parse(&uri);
            if let Ok(parsed) = parsed {
                let host = parsed.host_str().unwrap().to_owned();
                let source = origin(&uri).unwrap();
                let ours = source.trim_start_matches("https://").split(':').next().unwrap();
                prop_assert!(source == "https:" || ours == host, "{} {}", ours, host);
            }
        }
    }

    #[test]
    fn a_wildcard_never_leaves_its_domain(presented in "https://[a-z.@/\\\\?#%-]{0,10}\\.dev\\.example\\.is[a-z.@/:?#]{0,8}") {
        if matches("https://*.dev.example.is/callback", &presented, STAGING_MATCH) {
            let host = url::Url::parse(&presented).unwrap().host_str().unwrap().to_owned();
            prop_assert!(host.ends_with(".dev.example.is"));
            prop_assert_eq!(host.split('.').count(), 4);
        }
    }

    #[test]
    fn added_parameters_are_read_back(state in ".*", code in "[A-Za-z0-9_-]{1,43}") {
        let full = with_query("https://a.is/cb?x=1", &[("code", &code), ("state", &state)]);
        let read: Vec<_> = url::Url::parse(&full).unwrap().query_pairs().into_owned().collect();
        prop_assert_eq!(read, vec![("x".to_owned(), "1".to_owned()), ("code".to_owned(), code), ("state".to_owned(), state)]);
    }
}
