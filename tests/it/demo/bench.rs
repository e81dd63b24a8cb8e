//! `ias bench` measures, tells, fails where something failed, and goes nowhere but to this machine.

use std::fs;

use serde_json::Value;

use super::{
    command::{Running, ended, free_port, ias, processes_about},
    directory::Dir,
};

/// As short as a bench can be.
const SHORT: [&str; 8] = ["--seconds", "1", "--rounds", "1", "--connections", "2", "--families", "50"];

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer} in {value:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_measures_a_server_of_its_own_and_leaves_nothing_that_runs() {
    let (dir, json) = (Dir::new(), tempfile::NamedTempFile::new().unwrap());
    let mut command = ias();
    command.args(["bench", "--operation", "discovery", "--operation", "code-flow", "--operation", "sign-in"]).args(SHORT);
    command.arg("--data-dir").arg(dir.path()).arg("--json").arg(json.path());
    let ended = ended(command).await;
    assert!(ended.status.success(), "{}{}", ended.out, ended.err);
    for said in ["round 1/1: ", "| code-flow ", "| RSA signature, 2048 bits "] {
        assert!(ended.out.contains(said), "{said}: {}", ended.out);
    }
    assert_eq!(processes_about(dir.path()), Vec::<String>::new());

    let report: Value = serde_json::from_slice(&fs::read(json.path()).unwrap()).unwrap();
    assert_eq!(report["postgres"]["full_durability"], true, "{report:#}");
    assert!(number(&report, "/limits/rotation/count") > 0.0, "{report:#}");
    let s = number(&report, "/s_ms");
    assert!(s > 0.05 && number(&report, "/limits/sign_3072/cpu_ms") > s, "{report:#}");
    let operations = report["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 3);
    for operation in operations {
        assert!(number(operation, "/count") > 0.0 && number(operation, "/per_second/median") > 0.0, "{operation:#}");
        assert!(number(operation, "/latency_ms/p99") >= number(operation, "/latency_ms/p50"), "{operation:#}");
        assert!(number(operation, "/cpu_ms/server") > 0.0 && number(operation, "/rss_mib") > 5.0, "{operation:#}");
        assert_eq!(operation["failures"], serde_json::json!({}), "{operation:#}");
    }
    let [discovery, code_flow, sign_in] = &operations[..] else { panic!("{operations:?}") };
    if report["postgres"]["statements_counted"] == true {
        assert!(number(discovery, "/statements") < 0.1, "{discovery:#}");
        assert!((0.9..4.1).contains(&number(code_flow, "/statements")), "{code_flow:#}");
        assert!((8.0..12.1).contains(&number(sign_in, "/statements")), "{sign_in:#}");
    }
    assert!(number(code_flow, "/wal_bytes") > 100.0, "{code_flow:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_measures_a_demo_that_runs_and_fails_where_nobody_can_sign_in() {
    let (dir, port) = (Dir::new(), free_port());
    let demo = Running::demo(dir.path(), port, &["--auto-approve"]).await;
    let bench = |port: u16, operation: &str| {
        let mut command = ias();
        command.args(["bench", "--operation", operation, "--server", &format!("http://localhost:{port}")]).args(SHORT);
        command.arg("--demo-dir").arg(dir.path());
        ended(command)
    };
    let measured = bench(port, "userinfo").await;
    assert!(measured.status.success(), "{}{}", measured.out, measured.err);
    assert!(measured.out.contains("round 1/1: rotation "), "{}", measured.out);
    // the example application is no identity provider
    let failed = bench(port - 10, "discovery").await;
    assert_eq!(failed.status.code(), Some(1), "{}", failed.out);
    assert!(failed.err.contains("nobody can sign in: 404"), "{}{}", failed.out, failed.err);
    drop(demo);
}

#[tokio::test]
async fn a_bench_goes_nowhere_but_to_the_loopback() {
    let dir = Dir::new();
    for server in ["http://192.0.2.1:8080", "http://innskraning.example", "https://localhost:8080"] {
        let mut command = ias();
        command.args(["bench", "--server", server, "--demo-dir"]).arg(dir.path());
        let ended = ended(command).await;
        assert_eq!(ended.status.code(), Some(1), "{server}: {}", ended.out);
        assert!(ended.err.contains("loopback") && ended.out.is_empty(), "{server}: {}{}", ended.out, ended.err);
    }
}
