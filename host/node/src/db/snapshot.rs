//! `caldera snapshot export` and `import`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use caldera_chain::{Chain, ChainSpec};
use caldera_engine::Engines;
use caldera_state::{SnapshotError, SnapshotInfo, export_snapshot, import_snapshot, maintain};
use serde::Serialize;

use super::{DbError, Place, Said, report::lines};
use crate::output::{self, Output, Report};

/// What to begin from.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The chain.
    pub chain: ChainSpec,
    /// Where it is to be.
    pub place: Place,
    /// The snapshot.
    pub file: PathBuf,
    /// The hash that its block must have.
    pub block_hash: Option<B256>,
}

/// `caldera snapshot …`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    event: &'static str,
    file: PathBuf,
    folder: PathBuf,
    block: u64,
    hash: B256,
    state_root: B256,
    genesis: B256,
    nodes: u64,
    codes: u64,
    components: u64,
    bytes: u64,
    seconds: f64,
}

impl Snapshot {
    fn of(event: &'static str, file: &Path, place: &Place, info: SnapshotInfo, took: Duration) -> Self {
        Self {
            event,
            file: file.to_owned(),
            folder: place.folder.clone(),
            block: info.number,
            hash: info.hash,
            state_root: info.state_root,
            genesis: info.genesis,
            nodes: info.nodes,
            codes: info.codes,
            components: info.components,
            bytes: info.bytes,
            seconds: took.as_secs_f64(),
        }
    }
}

/// Writes the state after a block to a file.
pub fn export(place: &Place, block: Option<u64>, file: &Path, output: Output) -> Result<Snapshot, DbError> {
    let (mut said, began) = (Said::new(output), Instant::now());
    let mut progress = |nodes| said.say(|| format!("{} trie nodes written", output::count(nodes)));
    let exported = export_snapshot(&place.folder, place.options, block, file, &mut progress);
    Ok(Snapshot::of("exported", file, place, exported.map_err(place.failed())?, began.elapsed()))
}

/// Begins a chain from a file. The folder gets its name once the state is whole, the genesis is the configured one, and
/// every component that the registry names is there. Needs a thread with a deep stack.
pub fn import(request: ImportRequest, engines: Engines, output: Output) -> Result<Snapshot, DbError> {
    let ImportRequest { chain, place, file, block_hash } = request;
    if place.folder.exists() {
        return Err(place.failed()(SnapshotError::NotFresh(place.folder.clone()).into()));
    }
    let (mut said, began) = (Said::new(output), Instant::now());
    let mut progress = |nodes| said.say(|| format!("{} trie nodes read", output::count(nodes)));
    // Chains are not called so.
    let staged = place.folder.with_extension("snapshot");
    let io = |action: &'static str| {
        let path = staged.clone();
        move |source| DbError::Io { action, path, source }
    };
    // What another import left, unless it is still at work.
    if staged.exists() {
        maintain::remove(&staged).map_err(place.failed())?;
    }
    let info = import_snapshot(&file, &staged, place.options, block_hash, &mut progress).map_err(place.failed())?;
    let opened = Chain::open(chain, &staged, place.options, engines, &mut |_| {});
    let opened = opened.and_then(|chain| chain.flush().and_then(|()| chain.missing_component()));
    let refused = match opened {
        Ok(None) => None,
        Ok(Some(digest)) => {
            let what = format!("component {digest}, which the chain's registry names, is not in it");
            Some(place.failed()(SnapshotError::Damaged { path: file.clone(), what }.into()))
        }
        Err(source) => Some(DbError::Chain { folder: place.folder.clone(), source: Box::new(source) }),
    };
    if let Some(error) = refused {
        let _ = fs::remove_dir_all(&staged);
        return Err(error);
    }
    fs::rename(&staged, &place.folder).map_err(io("rename"))?;
    let parent = place.folder.parent().unwrap_or(Path::new("."));
    fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(io("sync the folder of"))?;
    Ok(Snapshot::of("imported", &file, &place, info, began.elapsed()))
}

impl Report for Snapshot {
    fn text(&self) -> String {
        let text = lines([
            ("block", output::count(self.block)),
            ("hash", self.hash.to_string()),
            ("state root", self.state_root.to_string()),
            ("genesis", self.genesis.to_string()),
            ("trie nodes", output::count(self.nodes)),
            ("codes", output::count(self.codes)),
            ("components", output::count(self.components)),
            ("file", format!("{}, {}", self.file.display(), output::bytes(self.bytes))),
            ("time", output::duration(Duration::from_secs_f64(self.seconds))),
        ]);
        let what = match self.event {
            "exported" => "the state is written to a file",
            _ => "the chain begins at this block; compare its hash with a node that you trust",
        };
        format!("{}: {what}\n{text}", self.folder.display())
    }
}
