//! A trace in geth's JSON, with what engines did added under `caldera`: nothing of geth's is changed or left out.
//!
//! - `callTracer`: each frame in which an engine ran has the field.
//! - struct logs: the trace has it, as a list; an engine's own work has no steps, its calls into the EVM stand as steps.
//!
//! Other tracers are as geth's.

use alloy_primitives::U64;
use alloy_rpc_types_trace::geth::{GethTrace, StructLog};
use caldera_execution::trace::{EngineFrame, HostCall, Trace};
use serde_json::{Map, Value, json};

use crate::errors::{Reply, RpcError};

/// The JSON of a trace.
pub(super) fn show(trace: Trace) -> Reply<Value> {
    let Trace { mut geth, engines } = trace;
    if let GethTrace::Default(frame) = &mut geth {
        frame.struct_logs.iter_mut().for_each(as_geth);
    }
    let unreadable = |error: serde_json::Error| RpcError::Node(format!("a trace does not serialise: {error}"));
    let kind = Kind::of(&geth);
    let mut json = serde_json::to_value(geth).map_err(unreadable)?;
    match kind {
        Kind::Calls => add_to_frames(&mut json, &engines, &mut 0),
        Kind::Steps => {
            if let (Some(trace), false) = (json.as_object_mut(), engines.is_empty()) {
                trace.insert("caldera".into(), engines.iter().map(with_place).collect());
            }
        }
        Kind::Other => {}
    }
    Ok(json)
}

enum Kind {
    Calls,
    Steps,
    Other,
}

impl Kind {
    fn of(geth: &GethTrace) -> Self {
        match geth {
            GethTrace::CallTracer(_) => Self::Calls,
            GethTrace::Default(_) => Self::Steps,
            _ => Self::Other,
        }
    }
}

/// A step in which the library's words are geth's, and fields without content are not there.
fn as_geth(step: &mut StructLog) {
    step.memory.take_if(|memory| memory.is_empty());
    step.return_data.take_if(|data| data.is_empty());
    let Some(error) = &mut step.error else { return };
    // The library gives the name of revm's result.
    let name = error.strip_prefix("Some(").and_then(|name| name.strip_suffix(')')).unwrap_or(error);
    *error = match name {
        "OutOfGas" | "MemoryOOG" | "MemoryLimitOOG" | "PrecompileOOG" | "InvalidOperandOOG" | "ReentrancySentryOOG" => {
            "out of gas"
        }
        "OpcodeNotFound" | "NotActivated" => "invalid opcode",
        "InvalidFEOpcode" => "invalid opcode: INVALID",
        "InvalidJump" => "invalid jump destination",
        "StackUnderflow" => "stack underflow",
        "StackOverflow" => "stack limit reached 1024",
        "StateChangeDuringStaticCall" | "CallNotAllowedInsideStatic" => "write protection",
        "OutOfOffset" => "return data out of bounds",
        "OutOfFunds" => "insufficient balance for transfer",
        "CallTooDeep" => "max call depth exceeded",
        "CreateCollision" => "contract address collision",
        "NonceOverflow" => "nonce uint64 overflow",
        "CreateContractSizeLimit" => "max code size exceeded",
        "CreateInitCodeSizeLimit" => "max initcode size exceeded",
        "CreateContractStartingWithEF" => "invalid code: must not begin with 0xef",
        other => other,
    }
    .to_owned();
}

/// Adds the field to a frame and those below it. `index` counts frames in the order of their begin; a SELFDESTRUCT is shown
/// as a frame and is none.
fn add_to_frames(frame: &mut Value, engines: &[EngineFrame], index: &mut usize) {
    let Some(fields) = frame.as_object_mut() else { return };
    if fields.get("type").and_then(Value::as_str) == Some("SELFDESTRUCT") {
        return;
    }
    if let Some(engine) = engines.iter().find(|engine| engine.frame == *index) {
        fields.insert("caldera".into(), Value::Object(engine_json(engine)));
    }
    *index += 1;
    if let Some(Value::Array(calls)) = fields.get_mut("calls") {
        calls.iter_mut().for_each(|call| add_to_frames(call, engines, index));
    }
}

fn with_place(engine: &EngineFrame) -> Value {
    let mut json = engine_json(engine);
    json.insert("frame".into(), engine.frame.into());
    Value::Object(json)
}

fn engine_json(engine: &EngineFrame) -> Map<String, Value> {
    let json = json!({
        "address": engine.address,
        "digest": engine.digest,
        "export": engine.export,
        "gasUsed": U64::from(engine.gas_used),
        "fuelUsed": U64::from(engine.fuel_used),
        "memoryPeakBytes": U64::from(engine.memory_peak_bytes),
        "fault": engine.fault.map(|fault| fault.name()),
        "hostCalls": engine.host_calls.iter().map(host_call).collect::<Vec<_>>(),
        "hostCallsLeftOut": engine.host_calls_left_out,
    });
    match json {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn host_call(call: &HostCall) -> Value {
    let mut json = json!({ "name": call.name, "gas": U64::from(call.gas) });
    let optional = [
        ("key", call.key.as_ref().map(|key| json!(key))),
        ("to", call.to.map(|to| json!(to))),
        ("bytes", call.bytes.map(|bytes| json!(bytes))),
        ("outcome", call.outcome.as_ref().map(|outcome| json!(outcome))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            json[name] = value;
        }
    }
    json
}
