//! A note that a running node leaves for its own user's command line: where the admin API of the node at a JSON-RPC port is,
//! and where its token lies.
//!
//! So `caldera engine` needs no arguments for a node on the same machine, whatever folder it uses. Nothing in a note is secret
//! and nothing depends on it. Attacks met: the folder must be ours alone, or notes are neither written nor read; a token's file
//! that a note names is judged like any other ([`caldera_api::admin::Token::read`]).

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Permissions of anybody but the owner.
const OTHERS: u32 = 0o077;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// `http://host:port` of its admin API.
    pub admin: String,
    /// Where its token lies.
    pub token_file: PathBuf,
}

/// A note on the disk. Dropping it removes it.
#[derive(Debug)]
pub struct NoteFile(PathBuf);

impl NoteFile {
    /// Leaves a note for the node that serves JSON-RPC at this port.
    pub fn leave(folder: &Path, port: u16, note: &Note) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        if !is_ours(folder)? {
            return Err(io::Error::other("it belongs to another user, or others can write there"));
        }
        let path = file(folder, port);
        fs::write(&path, serde_json::to_vec(note)?)?;
        Ok(Self(path))
    }
}

impl Drop for NoteFile {
    fn drop(&mut self) {
        // What stays behind names a port where nobody answers; the command line says so.
        let _ = fs::remove_file(&self.0);
    }
}

impl Note {
    /// The note of the node that serves JSON-RPC at this port, if it left one.
    pub fn find(folder: &Path, port: u16) -> Option<Self> {
        let ours = is_ours(folder).unwrap_or(false);
        serde_json::from_slice(&fs::read(file(folder, port)).ok().filter(|_| ours)?).ok()
    }
}

fn file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("node-{port}.json"))
}

/// Whether a folder is a real one that only this process's user can change.
fn is_ours(folder: &Path) -> io::Result<bool> {
    let meta = fs::symlink_metadata(folder)?;
    let own = fs::metadata("/proc/self")?.uid();
    Ok(meta.is_dir() && meta.uid() == own && meta.mode() & OTHERS == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_note_lasts_as_long_as_its_node() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("run").join("caldera");
        let note = Note { admin: "http://127.0.0.1:1".into(), token_file: "/data/admin-token".into() };
        let left = NoteFile::leave(&folder, 8545, &note).unwrap();
        assert_eq!(Note::find(&folder, 8545), Some(note.clone()));
        assert_eq!(Note::find(&folder, 8547), None);
        drop(left);
        assert_eq!(Note::find(&folder, 8545), None);

        let kept = NoteFile::leave(&folder, 8545, &note).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(Note::find(&folder, 8545), None, "others could have written it");
        assert!(NoteFile::leave(&folder, 8546, &note).is_err());
        drop(kept);
    }
}
