//! Writing a snapshot of a stopped chain.

use caldera_types::Digest;
use std::{collections::BTreeSet, path::Path};

use super::{
    BaseRecord, SnapshotError, SnapshotInfo,
    base::{Base, HEADERS},
    file::{Kind, Writer},
};
use crate::{
    chain_state::{check_in_log, component},
    error::StateError,
    folder::FolderLock,
    history, keys,
    log::BlockLog,
    nodes::Nodes,
    options::StateOptions,
    prune::KeptRecord,
    roots,
    source::Folder,
    store::Store,
    tour::{Met, Tour},
};

/// Writes the state after a block, the newest unless another is named, to the file `out`, which must not exist; calls
/// `progress` with how many nodes are written. Every node is checked on the way.
pub fn export(
    dir: &Path,
    options: StateOptions,
    block: Option<u64>,
    out: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<SnapshotInfo, StateError> {
    let _lock = FolderLock::take_existing(dir)?;
    let log = BlockLog::open_as_is(dir)?;
    let (store, head) = Folder { path: dir.join(options.backend.folder()), options }.open_checked()?;
    let head = head.ok_or(SnapshotError::NoBlock(block.unwrap_or_default()))?;
    check_in_log(&log, &head)?;
    let number = block.unwrap_or(head.number);
    if number > head.number {
        return Err(SnapshotError::NoBlock(number).into());
    }
    if number == 0 {
        return Err(SnapshotError::Genesis.into());
    }
    let first = KeptRecord::read(&*store)?.map_or(0, |record| record.from);
    if number < first {
        return Err(StateError::StateNotKept { number, first });
    }
    let base = base(&*store, &log, number)?;
    let (hash, state_root) = (base.block.hash(), base.block.header.state_root);
    let mut info = SnapshotInfo { number, hash, state_root, genesis: base.genesis, ..Default::default() };
    let mut writer = Writer::create(out)?;
    let parts = base.encode();
    writer.record(Kind::Base, &parts.each_ref().map(Vec::as_slice))?;
    for digest in components(&*store, number)? {
        let component = component(&*store, &log, digest)?.ok_or(StateError::Damaged { what: "component" })?;
        writer.item(Kind::Components, component.bytes())?;
        info.components += 1;
    }
    let nodes = Nodes::new(store.clone(), 0);
    let root = roots::must_get(&*store, number)?;
    Tour::of_content(&*store, &nodes).walk(root, &mut |met| {
        match met {
            Met::Node(node) => {
                info.nodes += 1;
                progress(info.nodes);
                writer.item(Kind::Nodes, node)?;
            }
            Met::Code(code) => {
                info.codes += 1;
                writer.item(Kind::Codes, code)?;
            }
        }
        Ok(())
    })?;
    let counts = [info.nodes, info.codes, info.components].map(u64::to_be_bytes);
    writer.record(Kind::End, &counts.each_ref().map(<[u8; 8]>::as_slice))?;
    info.bytes = writer.finish()?;
    Ok(info)
}

fn base(store: &dyn Store, log: &BlockLog, number: u64) -> Result<Base, StateError> {
    let missing = |what| StateError::Damaged { what };
    let header = |number| history::header(store, number)?.ok_or(missing("block header"));
    let headers = (number - number.min(HEADERS)..number).map(|number| Ok(header(number)?.1));
    Ok(Base {
        genesis: match BaseRecord::read(store)? {
            Some(base) => base.genesis,
            None => header(0)?.0,
        },
        block: log.block(number)?.ok_or(SnapshotError::NoBlock(number))?,
        receipts: history::receipts(store, number)?.ok_or(missing("list of receipts"))?,
        headers: headers.collect::<Result<_, StateError>>()?,
    })
}

/// All components that blocks up to this one brought, in the order of their digests.
fn components(store: &dyn Store, number: u64) -> Result<BTreeSet<Digest>, StateError> {
    let mut found = BTreeSet::new();
    for entry in store.scan(keys::COMPONENTS) {
        let (key, value) = entry?;
        let digest = key.get(keys::COMPONENTS.len()..).and_then(|digest| digest.try_into().ok()).map(Digest);
        let height = <[u8; 8]>::try_from(&value[..]).ok().map(u64::from_be_bytes);
        let (Some(digest), Some(height)) = (digest, height) else {
            return Err(StateError::Damaged { what: "component index" });
        };
        if height <= number {
            found.insert(digest);
        }
    }
    Ok(found)
}
