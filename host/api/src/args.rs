//! The positional parameters of a call, read one by one, each refusal naming what it is about.

use jsonrpsee_types::params::{Params, ParamsSequence};
use serde::de::DeserializeOwned;

use crate::errors::{Reply, RpcError};

/// Parameters yet to be read.
pub(crate) struct Args<'a> {
    rest: ParamsSequence<'a>,
    index: usize,
}

impl<'a> Args<'a> {
    /// The parameters of a call. Named parameters are no part of Ethereum's API.
    pub(crate) fn new(params: &'a Params<'a>) -> Reply<Self> {
        if params.is_object() {
            return Err(RpcError::InvalidParams("parameters go by position, in an array".into()));
        }
        Ok(Self { rest: params.sequence(), index: 0 })
    }

    /// The next parameter.
    pub(crate) fn next<T: DeserializeOwned>(&mut self, name: &str) -> Reply<T> {
        let index = self.index;
        self.optional(name)?.ok_or_else(|| RpcError::InvalidParams(format!("parameter {index} ({name}) is missing")))
    }

    /// The next parameter, or none when it is null or not there.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Reply<Option<T>> {
        let index = self.index;
        self.index += 1;
        self.rest.optional_next().map_err(|error| {
            let why = error.data().map_or_else(|| error.message().to_owned(), |data| data.get().to_owned());
            RpcError::InvalidParams(format!("parameter {index} ({name}): {why}"))
        })
    }

    /// Refuses a parameter that the specification allows and this node does not know, rather than ignoring it.
    pub(crate) fn refuse(&mut self, name: &str) -> Reply<()> {
        match self.optional::<serde_json::Value>(name)? {
            None => Ok(()),
            Some(_) => Err(RpcError::InvalidParams(format!("{name} are not supported by this node"))),
        }
    }
}
