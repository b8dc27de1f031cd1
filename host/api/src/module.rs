//! The methods of one chain: what registers them, and on which threads they run.

use std::sync::Arc;

use caldera_chain::Accepted;
use jsonrpsee_core::RegisterMethodError;
use jsonrpsee_server::{Methods, RpcModule};
use serde::Serialize;

use crate::{
    args::Args,
    caldera,
    context::ChainApi,
    errors::{Reply, RpcError},
    eth, node,
};

/// Collects the methods of one chain.
pub(crate) struct Module(pub(crate) RpcModule<ChainApi>);

impl Module {
    /// Every method that a chain answers.
    pub(crate) fn methods(api: Arc<ChainApi>) -> Result<Methods, RegisterMethodError> {
        let mut module = Self(RpcModule::from_arc(api));
        eth::register(&mut module)?;
        node::register(&mut module)?;
        caldera::register(&mut module)?;
        Ok(module.0.into())
    }

    /// A method that answers from memory.
    pub(crate) fn quick<T>(
        &mut self,
        name: &'static str,
        answer: fn(&ChainApi, &mut Args<'_>) -> Reply<T>,
    ) -> Result<(), RegisterMethodError>
    where
        T: Serialize + Clone + 'static,
    {
        self.0.register_method(name, move |params, api, _| answer(api, &mut Args::new(&params)?))?;
        Ok(())
    }

    /// A method that reads the disk, checks signatures or runs code: on a thread that may wait.
    pub(crate) fn blocking<T>(
        &mut self,
        name: &'static str,
        answer: fn(&ChainApi, &mut Args<'_>) -> Reply<T>,
    ) -> Result<(), RegisterMethodError>
    where
        T: Serialize + Clone + 'static,
    {
        self.0.register_blocking_method(name, move |params, api, _| answer(&api, &mut Args::new(&params)?))?;
        Ok(())
    }

    /// A method that takes a transaction in, on a thread that may wait, and answers with its hash once it is on the disk. No
    /// thread waits for that: the more that come at once, the more are synced together.
    pub(crate) fn accepting(
        &mut self,
        name: &'static str,
        accept: fn(&ChainApi, &mut Args<'_>) -> Reply<Accepted>,
    ) -> Result<(), RegisterMethodError> {
        self.0.register_async_method(name, move |params, api, _| async move {
            let accept = move || accept(&api, &mut Args::new(&params)?);
            let accepted = tokio::task::spawn_blocking(accept).await;
            let accepted = accepted.map_err(|error| RpcError::Node(format!("accepting a transaction: {error}")))??;
            accepted.settled().await.map_err(RpcError::from)
        })?;
        Ok(())
    }
}
