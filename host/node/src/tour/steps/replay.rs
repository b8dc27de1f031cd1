//! Last step: a fresh folder executes the block log and arrives at the same roots.

use crate::{
    config::CompileConfig,
    dev::FINANCE,
    node::{self, NodeSpec},
    output,
    replay::{self, ReplayRequest},
    tour::{TourError, report::Telling, same, world::World},
};

/// Replays the log of `finance`, which the node is still writing, and compares the last block with the node's.
pub async fn replay(telling: &mut Telling, world: &World, spec: NodeSpec) -> Result<(), TourError> {
    let mut step = telling.begin("replay", "A fresh node executes the block log again");
    let broken = |why: String| TourError::Broken { what: "replay".to_owned(), why };
    let log = spec.chain_folder(FINANCE.0);
    let options = spec.state_options(FINANCE.0);
    let chain = spec.chains.into_iter().find(|chain| chain.name == FINANCE.0);
    let chain = chain.ok_or_else(|| broken("there is no such chain".to_owned()))?;
    let request = ReplayRequest { chain, log: log.clone(), out: None, options };
    let work = tokio::task::spawn_blocking(move || {
        // Its own compiler too: nothing of the live node is used but the log.
        let engines = node::engines(1, None, &CompileConfig::default()).map_err(|error| error.to_string())?;
        replay::replay(request, engines).map_err(|error| error.to_string())
    });
    let replayed = work.await.map_err(|error| broken(error.to_string()))?.map_err(broken)?;
    let block = world.rpc.block(replayed.head).await?;
    let block = block.ok_or_else(|| broken(format!("the node has no block {}", replayed.head)))?;
    same("hash of the last block", replayed.hash, block.header.hash)?;
    same("state root of the last block", replayed.state_root, block.header.inner.state_root)?;
    if let Some(height) = world.sent_back_at {
        let back = replayed.swaps.iter().find(|swap| swap.name == "reverted").map(|swap| swap.block);
        same("block in which the second node sends the engine back", back.unwrap_or_default(), height)?;
        step.count("sentBackAt", "the bad version goes back there too, in block", height);
    }
    step.fact("log", "block log", log.display());
    step.count("blocks", "blocks", replayed.blocks);
    step.count("transactions", "transactions", replayed.transactions);
    step.figure(
        "blocksPerSecond",
        "blocks per second",
        format!("{:.0}", replayed.blocks_per_second),
        replayed.blocks_per_second.round(),
    );
    step.fact("head", "last block", output::count(replayed.head));
    step.fact("stateRoot", "state root, the same on both", replayed.state_root);
    telling.end(step, &format!("{} blocks, the same state root", output::count(replayed.blocks)));
    Ok(())
}
