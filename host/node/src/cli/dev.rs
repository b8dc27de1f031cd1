//! `caldera dev`.

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;

use super::{args::DevArgs, node, run::blocking, signals::Signals};
use crate::{
    admin::AdminSpec,
    config::{self, CompileConfig},
    ctl::AdminPlace,
    dev,
    error::CommandError,
    genesis_file,
    import::{self, ImportRequest},
    node::{Node, NodeError, NodeSpec, engines},
    output::Output,
    paths, tour,
};

/// Runs the three chains until a signal comes, or the tour on them to its end.
pub async fn run(args: DevArgs, output: Output) -> Result<(), CommandError> {
    let mut signals = Signals::catch()?;
    let data = DataFolder::new(args.data.clone())?;
    let plugins = args.plugins.clone().unwrap_or_else(paths::plugins_folder);
    let accounts = dev::accounts().map_err(dev::DevError::from)?;
    let folder = data.path().to_owned();
    let engines = blocking(move || engines(dev::CHAINS + 1, Some(&folder), &CompileConfig::default()))
        .await
        .map_err(NodeError::from)?;
    let mut spec = spec(&args, &plugins, &data, &accounts, &engines).await?;
    if let Some(genesis) = args.genesis.clone() {
        let request = moved(&mut spec, &args, genesis, &accounts)?;
        if let Some(request) = request {
            let engines = engines.clone();
            let imported = blocking(move || import::import(request, &engines, output)).await?;
            output.say(imported.line());
        }
    }
    let tour_spec = args.tour.then(|| spec.clone());
    let validation = spec.validation.clone();
    let mut node = Node::start(spec, engines).await?;
    if let Some(validation) = validation {
        dev::link(&node.url(), node.chains(), &validation, &data.path()).await?;
        node.carry(&data.path(), dev::WEAVE, dev::LINKS)?;
    }
    if args.automine {
        for chain in node.chains() {
            chain.set_automine(true)?;
            chain.set_interval(None)?;
        }
    }
    output.report(&node::ready(&node, data.path().display().to_string(), &accounts)?);
    let Some(spec) = tour_spec else {
        return node::until_signal(node, signals, output).await;
    };
    let url = node.url();
    let admin = AdminPlace {
        url: Some(format!("http://{}", node.admin().addr())),
        token_file: Some(node.admin().token_file().to_owned()),
        data: None,
    };
    let result = tokio::select! {
        result = tour::run(&url, &admin, &plugins, spec, output) => result.map_err(CommandError::from),
        signal = signals.wait() => Err(CommandError::Interrupted(signal)),
    };
    node.stop().await;
    result
}

/// Adds the chain that another client made, first, so that it is what `/` serves; says what is to be brought in.
fn moved(
    spec: &mut NodeSpec,
    args: &DevArgs,
    genesis: PathBuf,
    accounts: &[dev::Account],
) -> Result<Option<ImportRequest>, CommandError> {
    let governor = accounts.first().map(dev::Account::address).unwrap_or_default();
    let mut chain = config::imported_spec(dev::IMPORTED, genesis_file::read(&genesis)?, governor, true);
    chain.block_interval = Duration::from_millis(args.block_interval_ms);
    if spec.chains.iter().any(|other| other.chain_id() == chain.chain_id()) {
        let id = chain.chain_id();
        return Err(CommandError::Usage(format!(
            "{} is of chain {id}, as a chain of `caldera dev` is: serve it by `caldera import` and `caldera node`",
            genesis.display()
        )));
    }
    spec.chains.insert(0, chain.clone());
    let folder = spec.chain_folder(dev::IMPORTED);
    let options = spec.state_options(dev::IMPORTED);
    Ok(args.blocks.clone().map(|blocks| ImportRequest { chain, genesis, blocks, folder, options }))
}

async fn spec(
    args: &DevArgs,
    plugins: &std::path::Path,
    data: &DataFolder,
    accounts: &[dev::Account],
    engines: &caldera_engine::Engines,
) -> Result<NodeSpec, CommandError> {
    let interval = Duration::from_millis(args.block_interval_ms);
    let (port, plugins, data) = (args.port, plugins.to_owned(), data.path());
    let (accounts, engines) = (accounts.to_vec(), engines.clone());
    let work = move || dev::node_spec(port, &plugins, data, interval, &accounts, &engines);
    let mut spec = blocking(work).await?;
    if let Some(port) = args.admin_port {
        spec.admin = AdminSpec::local(port);
    }
    Ok(spec)
}

/// Where the chains' data lies: a given folder, or one that is removed at the end.
pub(super) enum DataFolder {
    Given(PathBuf),
    Temporary(TempDir),
}

impl DataFolder {
    pub(super) fn new(given: Option<PathBuf>) -> Result<Self, CommandError> {
        let made = || tempfile::Builder::new().prefix("caldera-dev-").tempdir();
        match given {
            Some(path) => Ok(Self::Given(path)),
            None => made()
                .map(Self::Temporary)
                .map_err(|source| CommandError::Io { action: "make a temporary folder", source }),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Given(path) => path.clone(),
            Self::Temporary(folder) => folder.path().to_owned(),
        }
    }
}
