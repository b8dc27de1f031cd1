//! `caldera node`.

use serde::Serialize;

use super::{args::NodeArgs, run::blocking, signals::Signals};
use crate::{
    config::Config,
    dev::Ready,
    error::CommandError,
    node::{self, Node, NodeError},
    output::Output,
};

/// Runs the chains of a configuration until a signal comes.
pub async fn run(args: NodeArgs, output: Output) -> Result<(), CommandError> {
    let signals = Signals::catch()?;
    let config = Config::load(&args.config)?;
    let spec = config.spec()?;
    let chains = spec.chains.len();
    let folder = spec.data.clone();
    let engines =
        blocking(move || node::engines(chains, Some(&folder), &config.compile)).await.map_err(NodeError::from)?;
    let data = spec.data.display().to_string();
    let node = Node::start(spec, engines).await?;
    output.report(&ready(&node, data, &[])?);
    until_signal(node, signals, output).await
}

/// What a live node says of itself.
pub(super) fn ready(node: &Node, data: String, accounts: &[crate::dev::Account]) -> Result<Ready, CommandError> {
    let mut ready = Ready::new(node.url(), node.admin(), data, accounts);
    for chain in node.chains() {
        let registry = chain.registry().map_err(|source| NodeError::Chain {
            name: chain.name().to_owned(),
            folder: Default::default(),
            source: Box::new(source),
        })?;
        let name_of = |mount: &caldera_types::Mount| {
            let staged = registry.staged.iter().find(|staged| staged.digest == mount.digest);
            staged.map(|staged| format!("{} {}", staged.name, staged.version)).unwrap_or_default()
        };
        ready.chain(chain.name(), chain.chain_id(), &registry.mounts, name_of);
    }
    if let Some((address, penniless)) = node.carrier() {
        ready.carrier(address, penniless);
    }
    Ok(ready)
}

#[derive(Serialize)]
struct Stopped {
    event: &'static str,
    signal: &'static str,
}

/// Lets the node work until a signal comes, then stops it in order.
pub(super) async fn until_signal(node: Node, mut signals: Signals, output: Output) -> Result<(), CommandError> {
    output.say("Stop with Ctrl-C");
    let signal = signals.wait().await;
    output.say(format!("{signal}: finishing the blocks under way"));
    node.stop().await;
    output.json(&Stopped { event: "stopped", signal });
    Ok(())
}
