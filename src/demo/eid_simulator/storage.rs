//! Files that only their owner reads: the simulator's keys and persons.

use std::{
    fs::{DirBuilder, File, OpenOptions, rename},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use anyhow::Context as _;

/// Makes the directory and its parents, readable by its owner alone.
pub fn make_directory(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("making {}", path.display()))
}

/// Replaces the file in one step, with mode 0600; a reader sees the old content or the new, never half of it.
pub fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let open = || -> std::io::Result<File> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        Ok(file)
    };
    open().and_then(|_| rename(&new, path)).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_its_owners_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let inner = directory.path().join("a/b");
        make_directory(&inner).expect("made");
        let file = inner.join("key.pem");
        write(&file, b"one").expect("written");
        write(&file, b"two").expect("written again");
        assert_eq!(std::fs::read(&file).expect("read"), b"two");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&file)), (0o700, 0o600));
    }
}
