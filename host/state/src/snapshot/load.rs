//! Reading a snapshot into an empty store, where it shows once everything is checked, and beginning a chain from one.

use alloy_primitives::{B256, keccak256};
use caldera_types::{Component, SealedBlock};
use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    BaseRecord, SNAPSHOT_FILE, SnapshotError, SnapshotInfo,
    base::Base,
    file::{Kind, Reader},
    settle::settle,
};
use crate::{
    chain_state::ChainState,
    chunks,
    error::StateError,
    folder::{self, FolderLock},
    head::HeadRecord,
    history, keys,
    log::BlockLog,
    options::StateOptions,
    pieces::Pieces,
    prune::KeptRecord,
    roots,
    store::{Batch, Store},
};

/// Begins a chain in the folder `dir`, which must not exist, from the snapshot in a file; its block must have the hash
/// `expected` if one is given; without, it must not take far more in the store than its file does. Calls `progress` with how many
/// nodes are read. The folder gets its name once everything in it is checked and on the disk.
pub fn import(
    file: &Path,
    dir: &Path,
    options: StateOptions,
    expected: Option<B256>,
    progress: &mut dyn FnMut(u64),
) -> Result<SnapshotInfo, StateError> {
    if dir.exists() {
        return Err(SnapshotError::NotFresh(dir.to_owned()).into());
    }
    let base = read_base(&mut Reader::open(file)?)?;
    if base.block.header.number == 0 {
        return Err(SnapshotError::Genesis.into());
    }
    let found = base.block.hash();
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(SnapshotError::OtherBlock { path: file.to_owned(), found, expected }.into());
    }
    let mut fresh = dir.as_os_str().to_owned();
    fresh.push(".importing");
    let fresh = PathBuf::from(fresh);
    let io = |action| {
        let path = fresh.clone();
        move |source| SnapshotError::Io { action, path, source }
    };
    // Whoever imports into the same folder meanwhile is refused, until this one has its name.
    let lock = FolderLock::take(&fresh)?;
    folder::clear(&fresh).map_err(io("empty"))?;
    let copied = fresh.join(SNAPSHOT_FILE);
    fs::copy(file, &copied).and_then(|_| fs::File::open(&copied)?.sync_all()).map_err(io("copy the snapshot to"))?;
    BlockLog::begin(&fresh, &base.block)?;
    let loading = Loading { progress, meant: expected.is_some() };
    let (state, info) = ChainState::open_loading(lock, &fresh, options, loading)?;
    let info = info.ok_or(StateError::Damaged { what: "store without a head" })?;
    state.flush()?;
    let _lock = state.close();
    fs::rename(&fresh, dir).map_err(io("rename"))?;
    folder::sync(folder::above(dir)).map_err(io("sync"))?;
    Ok(info)
}

fn read_base(reader: &mut Reader) -> Result<Base, SnapshotError> {
    match reader.next()? {
        Some((Kind::Base, items)) => Base::decode(&items).map_err(|what| reader.damaged(&what)),
        _ => Err(reader.damaged("it does not begin with its base")),
    }
}

/// How a snapshot is read into a store.
pub(crate) struct Loading<'a> {
    /// Called with how many nodes are read.
    pub progress: &'a mut dyn FnMut(u64),
    /// Whether its block is known to be the one that is meant: a stranger's must not take far more than its file.
    pub meant: bool,
}

/// Fills an empty store from the snapshot in a folder, whose log begins with `first`. The head is written last.
pub(crate) fn load(
    dir: &Path,
    first: &SealedBlock,
    store: &dyn Store,
    loading: Loading<'_>,
) -> Result<SnapshotInfo, StateError> {
    let path = dir.join(SNAPSHOT_FILE);
    let mut reader = Reader::open(&path)?;
    let base = read_base(&mut reader)?;
    let (number, hash, state_root) = (base.block.header.number, base.block.hash(), base.block.header.state_root);
    if hash != first.hash() {
        return Err(SnapshotError::OtherBlock { path, found: hash, expected: first.hash() }.into());
    }
    let mut info = SnapshotInfo { number, hash, state_root, genesis: base.genesis, ..Default::default() };
    info.bytes = fs::metadata(&path).map_or(0, |file| file.len());
    fill(&mut reader, store, &mut info, loading.progress)?;
    let root = settle(&reader, store, &info, loading.meant)?;
    let mut batch = Batch::default();
    for header in &base.headers {
        batch.put(keys::header(header.number), [header.hash_slow().as_slice(), &alloy_rlp::encode(header)].concat());
    }
    history::put(&mut batch, store, &base.block, &base.receipts)?;
    BaseRecord { number, genesis: base.genesis }.put(&mut batch);
    KeptRecord { from: number, swept: number }.put(&mut batch);
    roots::put(&mut batch, number, root);
    HeadRecord { number, hash, state_root }.put(&mut batch);
    store.commit(batch)?;
    store.flush()?;
    Ok(info)
}

/// Puts everything but the base into the store, under what it hashes to.
fn fill(
    reader: &mut Reader,
    store: &dyn Store,
    info: &mut SnapshotInfo,
    progress: &mut dyn FnMut(u64),
) -> Result<(), StateError> {
    let mut pieces = Pieces::new(store);
    loop {
        let Some((kind, items)) = reader.next()? else { return Err(reader.damaged("its end is missing").into()) };
        if kind == Kind::End {
            let counts = [info.nodes, info.codes, info.components].map(|count| count.to_be_bytes().to_vec());
            if items != counts || reader.next()?.is_some() {
                return Err(reader.damaged("it holds more or less than it says").into());
            }
            return Ok(pieces.end()?);
        }
        for item in items {
            match kind {
                Kind::Nodes => {
                    info.nodes += 1;
                    progress(info.nodes);
                    pieces.add(|batch| batch.put(keys::loaded(keccak256(&item)), item))?;
                }
                Kind::Codes => {
                    info.codes += 1;
                    pieces.add(|batch| chunks::put(batch, &keys::code(keccak256(&item)), &item))?;
                }
                Kind::Components => {
                    info.components += 1;
                    let component = Component::new(item).map_err(|error| reader.damaged(&error.to_string()))?;
                    let digest = component.digest().0;
                    pieces.add(|batch| {
                        chunks::put(batch, &keys::component_bytes(digest), component.bytes());
                        batch.put(keys::component(digest), info.number.to_be_bytes());
                    })?;
                }
                Kind::Base | Kind::End => return Err(reader.damaged("it has two bases").into()),
            }
        }
    }
}
