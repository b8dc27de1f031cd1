//! The positional parameters of a call, read one by one by the method's entry in the table, each refusal naming what it is
//! about.

use jsonrpsee_types::params::{Params, ParamsSequence};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

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
        self.check_hex(*param, index)?;
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

    /// Refuses hex that the specification's patterns do not know and the library takes.
    fn check_hex(&self, param: Param, index: usize) -> Reply<()> {
        let mut rest = self.rest;
        let Ok(Some(raw)) = rest.optional_next::<&RawValue>() else { return Ok(()) };
        let Some(text) = raw.get().strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return Ok(()) };
        let digits = text.strip_prefix("0x");
        let why = match (param.schema, digits) {
            ("Hash" | "Address" | "Bytes", None) => "hex begins with 0x",
            // A hash may stand in the place of a number, and may begin with zeros.
            ("Quantity" | "BlockNumberOrTag" | "BlockId", Some(digits)) if digits.len() != 64 => {
                match digits.as_bytes() {
                    [] => "a number has digits behind 0x",
                    [b'0', _, ..] => "a number has no leading zeros",
                    _ => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        Err(RpcError::InvalidParams(format!("parameter {index} ({}): {why}", param.name)))
    }
}
