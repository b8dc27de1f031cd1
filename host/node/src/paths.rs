//! Where things lie on this machine when nobody says otherwise.

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Folder of the node's data: `$XDG_DATA_HOME/caldera`, else `~/.local/share/caldera` (XDG Base Directory Specification).
pub fn data_folder() -> PathBuf {
    let xdg = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::home_dir().unwrap_or_default().join(".local").join("share");
    xdg.unwrap_or_else(home).join("caldera")
}

/// Folder in which a node leaves notes for its user's other processes: `$XDG_RUNTIME_DIR/caldera`, else one in the folder for
/// temporary files that bears the user's number.
pub fn runtime_folder() -> PathBuf {
    let xdg = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let own = || {
        let user = fs::metadata("/proc/self").map(|meta| meta.uid()).unwrap_or_default();
        env::temp_dir().join(format!("caldera-{user}"))
    };
    xdg.map_or_else(own, |path| path.join("caldera"))
}

/// Folder of the components when the binary runs from a checkout: `target/plugins`, beside the folder of the profile.
pub fn plugins_folder() -> PathBuf {
    let binary = env::current_exe().unwrap_or_default();
    // target/release/caldera, or target/release/deps/<test>.
    let target = binary.ancestors().skip(1).find(|folder| folder.file_name().is_some_and(|name| name == "release"));
    target.and_then(Path::parent).unwrap_or(Path::new("target")).join("plugins")
}
