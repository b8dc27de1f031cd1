//! The positional parameters of a call, read one by one by the method's entry in the table, each refusal naming what it is
//! about.

use jsonrpsee_types::params::{Params, ParamsSequence};
use serde::de::DeserializeOwned;

use crate::{
    errors::{Reply, RpcError},
    methods::Param,
};

/// Parameters yet to be read.
pub(crate) struct Args<'a> {
    rest: ParamsSequence<'a>,
    table: &'static [Param],
    index: usize,
    /// The connection on which the call came, if it is known.
    pub(crate) connection: Option<u64>,
}

impl<'a> Args<'a> {
    /// The parameters of a call. Named parameters are no part of Ethereum's API.
    pub(crate) fn new(params: &'a Params<'a>, table: &'static [Param]) -> Reply<Self> {
        if params.is_object() {
            return Err(RpcError::InvalidParams("parameters go by position, in an array".into()));
        }
        Ok(Self { rest: params.sequence(), table, index: 0, connection: None })
    }

    /// The next parameter. One that the table has as optional is null when it is not there.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Reply<T> {
        let index = self.index;
        self.index += 1;
        let beyond = || RpcError::Node(format!("parameter {index} is not in the table of methods"));
        let param = self.table.get(index).ok_or_else(beyond)?;
        let name = param.name;
        let read = self.rest.optional_next().map_err(|error| {
            let why = error.data().map_or_else(|| error.message().to_owned(), |data| data.get().to_owned());
            RpcError::InvalidParams(format!("parameter {index} ({name}): {why}"))
        })?;
        match read {
            Some(value) => Ok(value),
            None if param.required => Err(RpcError::InvalidParams(format!("parameter {index} ({name}) is missing"))),
            None => serde_json::from_value(serde_json::Value::Null)
                .map_err(|error| RpcError::Node(format!("parameter {index} ({name}) cannot be left out: {error}"))),
        }
    }
}
