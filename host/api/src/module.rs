//! The methods of one chain: what registers them by their entry in the table, and on which threads they run.

use std::{future::Future, sync::Arc};

use alloy_consensus::TxEnvelope;
use alloy_primitives::B256;
use caldera_chain::Accepted;
use jsonrpsee_core::RegisterMethodError;
use jsonrpsee_server::{Extensions, IntoSubscriptionCloseResponse, Methods, PendingSubscriptionSink, RpcModule};
use jsonrpsee_types::Params;
use serde::Serialize;
use serde_json::Value;

use crate::{
    args::Args,
    caldera, certificates,
    context::ChainApi,
    debug, dev,
    errors::{Reply, RpcError},
    eth,
    leader::Leader,
    listen::Connection,
    logged,
    methods::{Method, Param, document},
    node, txpool, units,
};

/// Collects the methods of one chain.
pub(crate) struct Module {
    rpc: RpcModule<ChainApi>,
    table: Vec<Method>,
    /// Whether the chain is for development.
    development: bool,
}

type Registered = Result<(), RegisterMethodError>;

impl Module {
    /// Every method that a chain answers.
    pub(crate) fn methods(api: Arc<ChainApi>) -> Result<Methods, RegisterMethodError> {
        Ok(Self::new(api)?.rpc.into())
    }

    fn new(api: Arc<ChainApi>) -> Result<Self, RegisterMethodError> {
        let chain = api.chain.name().to_owned();
        let development = api.chain.is_development();
        let mut module = Self { rpc: RpcModule::from_arc(api), table: Vec::new(), development };
        eth::register(&mut module)?;
        node::register(&mut module)?;
        txpool::register(&mut module)?;
        debug::register(&mut module)?;
        caldera::register(&mut module)?;
        logged::register(&mut module)?;
        certificates::register(&mut module)?;
        units::register(&mut module)?;
        dev::register(&mut module)?;
        module.discoverable(&chain)?;
        Ok(module)
    }

    /// `rpc_discover`, and the name that OpenRPC itself gives it.
    fn discoverable(&mut self, chain: &str) -> Registered {
        let about = "This document: every method, in OpenRPC.";
        for name in ["rpc_discover", "rpc.discover"] {
            self.table.push(Method { name, summary: about, params: &[], result: "OpenRpc", development: false });
        }
        let document = Arc::new(document(chain, &self.table));
        self.rpc.register_method("rpc_discover", move |_, _, _| document.as_ref().clone())?;
        self.rpc.register_alias("rpc.discover", "rpc_discover")
    }

    /// A method that answers from memory.
    pub(crate) fn quick<T>(
        &mut self,
        name: &'static str,
        summary: &'static str,
        params: &'static [Param],
        result: &'static str,
        answer: fn(&ChainApi, &mut Args<'_>) -> Reply<T>,
    ) -> Registered
    where
        T: Serialize + Clone + 'static,
    {
        self.table.push(Method { name, summary, params, result, development: false });
        self.rpc
            .register_method(name, move |given, api, extensions| answer(api, &mut args(&given, params, extensions)?))?;
        Ok(())
    }

    /// A method that reads the disk, checks signatures or runs code: on a thread that may wait.
    pub(crate) fn blocking<T>(
        &mut self,
        name: &'static str,
        summary: &'static str,
        params: &'static [Param],
        result: &'static str,
        answer: fn(&ChainApi, &mut Args<'_>) -> Reply<T>,
    ) -> Registered
    where
        T: Serialize + Clone + 'static,
    {
        self.table.push(Method { name, summary, params, result, development: false });
        self.rpc.register_blocking_method(name, move |given, api, extensions| {
            answer(&api, &mut args(&given, params, &extensions)?)
        })?;
        Ok(())
    }

    /// A method that reads an account or a slot. Of the newest block, which wallets ask for again and again, it answers on the
    /// thread that moves bytes: that state is in memory, mostly, and another thread would take longer to wake. Of any other, on
    /// a thread that may wait.
    pub(crate) fn reading<T>(
        &mut self,
        name: &'static str,
        summary: &'static str,
        params: &'static [Param],
        result: &'static str,
        answer: fn(&ChainApi, &mut Args<'_>) -> Reply<T>,
    ) -> Registered
    where
        T: Serialize + Clone + Send + 'static,
    {
        self.table.push(Method { name, summary, params, result, development: false });
        self.rpc.register_async_method(name, move |given, api, extensions| async move {
            if ends_at_newest(&given) {
                return answer(&api, &mut args(&given, params, &extensions)?);
            }
            let answer = move || answer(&api, &mut args(&given, params, &extensions)?);
            let answered = tokio::task::spawn_blocking(answer).await;
            answered.map_err(|error| RpcError::Node(format!("{name}: {error}")))?
        })?;
        Ok(())
    }

    /// A method that waits for what happens on the chain, and holds no thread meanwhile.
    pub(crate) fn waiting<T, F>(
        &mut self,
        name: &'static str,
        summary: &'static str,
        params: &'static [Param],
        result: &'static str,
        answer: fn(Arc<ChainApi>, Params<'static>, &'static [Param]) -> F,
    ) -> Registered
    where
        T: Serialize + Clone + 'static,
        F: Future<Output = Reply<T>> + Send + 'static,
    {
        self.table.push(Method { name, summary, params, result, development: false });
        self.rpc.register_async_method(name, move |given, api, _| answer(api, given, params))?;
        Ok(())
    }

    /// A method that takes a transaction in, and answers with its hash once it is on the disk. No thread waits for that: the
    /// more that come at once, the more are taken in and synced together ([`Intake`](crate::intake::Intake)).
    ///
    /// It is done on the threads that move bytes: handing it to another thread and back takes longer than recovering the
    /// signature, and what it reads of the state is in memory, mostly.
    pub(crate) fn accepting(
        &mut self,
        name: &'static str,
        summary: &'static str,
        params: &'static [Param],
        read: fn(&mut Args<'_>) -> Reply<TxEnvelope>,
    ) -> Registered {
        self.table.push(Method { name, summary, params, result: "Hash", development: false });
        self.rpc.register_async_method(name, move |given, api, extensions| async move {
            let tx = args(&given, params, &extensions).and_then(|mut args| read(&mut args));
            if let Some(leader) = api.leader.clone() {
                let hash = sent_on(leader.as_ref(), name, &given).await?;
                // So that its sender's next nonce is known here too. The leader has it, whatever comes of this.
                let _ = tx.map(|tx| api.chain.accept(tx, Vec::new()));
                return Ok(hash);
            }
            let hash = api.intake.take(tx?).await?;
            mine_what_came(api).await?;
            Ok::<_, RpcError>(hash)
        })?;
        Ok(())
    }

    /// The same for a transaction that brings much with it, or is made here: by itself, on a thread that may wait.
    pub(crate) fn accepting_aside(
        &mut self,
        name: &'static str,
        summary: &'static str,
        params: &'static [Param],
        accept: fn(&ChainApi, &mut Args<'_>) -> Reply<Accepted>,
    ) -> Registered {
        self.table.push(Method { name, summary, params, result: "Hash", development: false });
        self.rpc.register_async_method(name, move |given, api, extensions| async move {
            if let Some(leader) = &api.leader {
                return sent_on(leader.as_ref(), name, &given).await;
            }
            let made_for = api.clone();
            let accept = move || accept(&api, &mut args(&given, params, &extensions)?);
            let accepted = tokio::task::spawn_blocking(accept).await;
            let accepted = accepted.map_err(|error| RpcError::Node(format!("accepting a transaction: {error}")))??;
            let hash = accepted.settled().await?;
            mine_what_came(made_for).await?;
            Ok::<_, RpcError>(hash)
        })?;
        Ok(())
    }

    /// A method of development chains, on a thread that may wait. Any other chain refuses it by name.
    pub(crate) fn development<T>(
        &mut self,
        name: &'static str,
        summary: &'static str,
        params: &'static [Param],
        result: &'static str,
        answer: fn(&ChainApi, &mut Args<'_>) -> Reply<T>,
    ) -> Registered
    where
        T: Serialize + Clone + 'static,
    {
        if !self.development {
            return self.elsewhere(name);
        }
        self.blocking(name, summary, params, result, answer)?;
        self.table.iter_mut().filter(|method| method.name == name).for_each(|method| method.development = true);
        Ok(())
    }

    /// The same for one that takes a transaction in.
    pub(crate) fn development_accepting(
        &mut self,
        name: &'static str,
        summary: &'static str,
        params: &'static [Param],
        accept: fn(&ChainApi, &mut Args<'_>) -> Reply<Accepted>,
    ) -> Registered {
        if !self.development {
            return self.elsewhere(name);
        }
        self.accepting_aside(name, summary, params, accept)?;
        self.table.iter_mut().filter(|method| method.name == name).for_each(|method| method.development = true);
        Ok(())
    }

    /// Refuses a method that only development chains have. It is in no table.
    fn elsewhere(&mut self, name: &'static str) -> Registered {
        self.rpc.register_method(name, move |_, _, _| Err::<(), _>(RpcError::Elsewhere(name)))?;
        Ok(())
    }

    /// A subscription, by the method that begins it and the one that ends it.
    pub(crate) fn subscription<R, F>(
        &mut self,
        [begin, end]: [Method; 2],
        notification: &'static str,
        feed: fn(Params<'static>, &'static [Param], PendingSubscriptionSink, Arc<ChainApi>) -> F,
    ) -> Registered
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoSubscriptionCloseResponse + Send,
    {
        self.table.extend([begin, end]);
        self.rpc.register_subscription(begin.name, notification, end.name, move |given, pending, api, _| {
            feed(given, begin.params, pending, api)
        })?;
        Ok(())
    }
}

/// Sends a transaction on to the leader, which answers with its hash.
pub(crate) async fn sent_on(leader: &dyn Leader, name: &'static str, given: &Params<'_>) -> Reply<B256> {
    let params: Vec<Value> = given.parse().map_err(|error| RpcError::InvalidParams(error.message().to_owned()))?;
    let hash = leader.request(name, params).await.map_err(RpcError::Leader)?;
    serde_json::from_value(hash).map_err(|error| RpcError::Node(format!("the leader's answer: {error}")))
}

/// On a development chain that makes a block with each transaction: makes it, for the one that came in.
pub(crate) async fn mine_what_came(api: Arc<ChainApi>) -> Reply<()> {
    if !api.chain.automines() {
        return Ok(());
    }
    let made = tokio::task::spawn_blocking(move || api.chain.mine_what_came()).await;
    Ok(made.map_err(|error| RpcError::Node(format!("making a block: {error}")))??)
}

/// Whether the last parameter is the newest block's tag. Written in another way it is read elsewhere, and means the same.
fn ends_at_newest(given: &Params<'_>) -> bool {
    let text = given.as_str().unwrap_or_default();
    text.ends_with(r#""latest"]"#) || text.ends_with(r#""pending"]"#)
}

fn args<'a>(given: &'a Params<'a>, params: &'static [Param], extensions: &Extensions) -> Reply<Args<'a>> {
    let mut args = Args::new(given, params)?;
    args.connection = extensions.get::<Connection>().map(|connection| connection.number);
    Ok(args)
}
