//! One chromedriver for the test process. It and the browsers that it has started end with the process, however that ends.

use std::{
    env,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use fantoccini::{Client, ClientBuilder, wd::Capabilities};

/// What to do where there is no browser.
const HELP: &str = "these tests need Chromium: apt-get install chromium chromium-driver (IAS_NO_BROWSER=1 leaves them out)";

/// Waits until our end of the pipe is closed, which the kernel does even for a killed process; then ends the whole process group
/// and removes what browsers that were not closed have left.
const KEEPER: &str = r#"
TMPDIR=$IAS_BROWSERS HOME=$IAS_BROWSERS/home && export TMPDIR HOME
chromedriver --port=0 &
read -r _
trap : TERM
kill -TERM 0
wait
sleep 1
rm -rf "$TMPDIR"
"#;

/// Whether the tests with a browser are left out on purpose.
pub fn is_left_out() -> bool {
    let left_out = env::var_os("IAS_NO_BROWSER").is_some_and(|value| value == "1");
    if left_out {
        println!("left out: IAS_NO_BROWSER is set");
    }
    left_out
}

/// A new browser with a profile of its own.
pub async fn connect(capabilities: Capabilities) -> Client {
    let mut builder = ClientBuilder::rustls().expect("a connector");
    let connecting = builder.capabilities(capabilities).connect(address()).await;
    connecting.unwrap_or_else(|error| panic!("{HELP}\n{error}"))
}

fn address() -> &'static str {
    static DRIVER: OnceLock<(Child, String)> = OnceLock::new();
    &DRIVER.get_or_init(start).1
}

/// The home of all browsers; what holds keys and certificates lies in it (NSS).
fn home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let folder = tempfile::Builder::new().prefix("ias-browsers-").tempdir().expect("a folder").keep();
        std::fs::create_dir_all(folder.join("home/.pki/nssdb")).expect("a home");
        folder.join("home")
    })
}

/// Gives the browsers that start from now on a certificate with its key, from a PKCS#12 file. `false` where the tools for it are
/// missing.
pub fn give_certificate(file: &Path, password: &str) -> bool {
    let database = format!("sql:{}", home().join(".pki/nssdb").display());
    let run = |tool: &str, arguments: &[&str]| {
        let done = Command::new(tool).args(["-d", &database]).args(arguments).stdout(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    };
    if !run("certutil", &["-N", "--empty-password"]) {
        println!("left out: certutil is missing (apt-get install libnss3-tools)");
        return false;
    }
    assert!(run("pk12util", &["-i", file.to_str().expect("a path"), "-W", password]), "the certificate is taken in");
    true
}

fn start() -> (Child, String) {
    let mut keeper = Command::new("sh")
        .args(["-c", KEEPER])
        .env("IAS_BROWSERS", home().parent().expect("its folder"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell");
    let mut lines = BufReader::new(keeper.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let port = lines.find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
    // it goes on talking, and must not be cut off
    std::thread::spawn(move || lines.for_each(drop));
    let port = port.unwrap_or_else(|| panic!("{HELP}"));
    (keeper, format!("http://127.0.0.1:{port}"))
}
