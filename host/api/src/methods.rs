//! The table of methods: what each is called, what it takes and what it gives. A method is registered by its entry, its
//! parameters are read by it, and `rpc_discover` shows it, so that none of these can differ from the others.

use serde_json::{Map, Value, json};

use crate::node::CLIENT_VERSION;

/// Shapes of parameters and results, by name: JSON Schema, as `components.schemas` of the OpenRPC document.
const SCHEMAS: &str = include_str!("schemas.json");
/// Those that only the methods of development chains need.
const DEVELOPMENT_SCHEMAS: &str = include_str!("dev/schemas.json");

/// One parameter, by position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    /// Name of its shape in `schemas.json`.
    pub(crate) schema: &'static str,
    pub(crate) required: bool,
}

impl Param {
    /// One that must be there.
    pub(crate) const fn new(name: &'static str, schema: &'static str) -> Self {
        Self { name, schema, required: true }
    }

    /// One that may be left out, or null.
    pub(crate) const fn optional(name: &'static str, schema: &'static str) -> Self {
        Self { name, schema, required: false }
    }
}

/// The parameters that many methods share.
pub(crate) mod param {
    use super::Param;

    pub(crate) const ADDRESS: Param = Param::new("address", "Address");
    /// Left out: the newest block.
    pub(crate) const BLOCK: Param = Param::optional("block", "BlockId");
    pub(crate) const BLOCK_NUMBER: Param = Param::new("block", "BlockNumberOrTag");
    pub(crate) const BLOCK_HASH: Param = Param::new("block hash", "Hash");
    pub(crate) const TRANSACTION_HASH: Param = Param::new("transaction hash", "Hash");
    pub(crate) const TRANSACTION_INDEX: Param = Param::new("transaction index", "Quantity");
    pub(crate) const UNCLE_INDEX: Param = Param::new("uncle index", "Quantity");
    pub(crate) const RAW_TRANSACTION: Param = Param::new("transaction", "Bytes");
    pub(crate) const CALL: Param = Param::new("call", "Call");
    pub(crate) const STATE_OVERRIDES: Param = Param::optional("state overrides", "StateOverrides");
    pub(crate) const BLOCK_OVERRIDES: Param = Param::optional("block overrides", "BlockOverrides");
    pub(crate) const FILTER: Param = Param::new("filter", "Filter");
    pub(crate) const FILTER_ID: Param = Param::new("filter id", "Quantity");
    pub(crate) const TRACE_OPTIONS: Param = Param::optional("options", "TraceOptions");
}

/// One method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) summary: &'static str,
    pub(crate) params: &'static [Param],
    /// Name of the result's shape in `schemas.json`.
    pub(crate) result: &'static str,
    /// Whether only development chains have it.
    pub(crate) development: bool,
}

/// The OpenRPC document (<https://spec.open-rpc.org>, version 1.3) of these methods.
pub(crate) fn document(chain: &str, methods: &[Method]) -> Value {
    // The file is part of this program, and a test reads it.
    let mut schemas: Map<String, Value> = serde_json::from_str(SCHEMAS).unwrap_or_default();
    if methods.iter().any(|method| method.development) {
        schemas.extend(serde_json::from_str::<Map<_, _>>(DEVELOPMENT_SCHEMAS).unwrap_or_default());
    }
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": format!("{chain} on {CLIENT_VERSION}"),
            "description": "Ethereum JSON-RPC of one chain, and what is particular to this node under caldera_.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0" },
        },
        "methods": methods.iter().map(entry).collect::<Vec<_>>(),
        "components": { "schemas": schemas },
    })
}

fn entry(method: &Method) -> Value {
    let params = method
        .params
        .iter()
        .map(|param| json!({ "name": param.name, "required": param.required, "schema": reference(param.schema) }));
    let tags: &[&str] = if method.development { &["development"] } else { &[] };
    json!({
        "name": method.name,
        "summary": method.summary,
        "tags": tags.iter().map(|tag| json!({ "name": tag })).collect::<Vec<_>>(),
        "paramStructure": "by-position",
        "params": params.collect::<Vec<_>>(),
        "result": { "name": "result", "schema": reference(method.result) },
    })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_are_json_and_refer_to_each_other() {
        let mut known: Map<String, Value> = serde_json::from_str(SCHEMAS).unwrap();
        known.extend(serde_json::from_str::<Map<_, _>>(DEVELOPMENT_SCHEMAS).unwrap());
        let text = [SCHEMAS, DEVELOPMENT_SCHEMAS].concat();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(known.contains_key(name), "{name} is referred to and not there");
        }
    }
}
