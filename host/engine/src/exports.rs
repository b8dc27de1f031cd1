//! The exports of the world `engine`: found and checked once per component, called by index.

use caldera_types::BlockSummary;
use wasmtime::{
    AsContextMut, Engine, Result, Store,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc, types::ComponentItem,
    },
};

use crate::{
    bindings::caldera::engine::types as wit,
    call::{CallEnv, EngineResult, Export, Progress},
    error::Rejection,
    fault::Stop,
    guest::Guest,
};

/// No component can bring this about: exports are looked up in the component that the instance is of.
const UNKNOWN_EXPORT: &str = "an export's index is of another component than its instance";

type Described = (wit::Description,);
type Done = (Result<(), String>,);
type Stepped = (Result<wit::Migrated, String>,);
type Answered = (Result<Vec<u8>, Vec<u8>>,);

/// Where the exports of one component are.
#[derive(Clone, Debug)]
pub(crate) struct Exports {
    describe: ComponentExportIndex,
    init: ComponentExportIndex,
    configure: ComponentExportIndex,
    migrate: ComponentExportIndex,
    call: ComponentExportIndex,
    begin_block: ComponentExportIndex,
    end_block: ComponentExportIndex,
}

impl Exports {
    /// Finds them all and checks their types.
    pub(crate) fn of(engine: &Engine, component: &Component) -> Result<Self, Rejection> {
        Ok(Self {
            describe: find::<(), Described>(engine, component, "describe")?,
            init: find::<(&[u8],), Done>(engine, component, "init")?,
            configure: find::<(&[u8],), Done>(engine, component, "configure")?,
            migrate: find::<(wit::Migration<'_>,), Stepped>(engine, component, "migrate")?,
            call: find::<(wit::CallEnv, &[u8]), Answered>(engine, component, "call")?,
            begin_block: find::<(wit::BlockEnv,), Done>(engine, component, "begin-block")?,
            end_block: find::<(wit::BlockEnv, wit::BlockSummary), Done>(engine, component, "end-block")?,
        })
    }

    /// Calls `describe`.
    pub(crate) fn describe(&self, store: &mut Store<Guest>, instance: &Instance) -> Result<wit::Description> {
        Ok(call::<(), Described>(store, instance, &self.describe, ())?.0)
    }

    /// Calls one of the others. What the guest did wrong is the error.
    pub(crate) fn call(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
        export: &Export<'_>,
    ) -> Result<EngineResult> {
        let done = |(result,): Done| match result {
            Ok(()) => EngineResult::Return(Vec::new()),
            Err(message) => EngineResult::Revert(message.into_bytes()),
        };
        Ok(match *export {
            Export::Init { config } => done(call(store, instance, &self.init, (config,))?),
            Export::Configure { config } => done(call(store, instance, &self.configure, (config,))?),
            Export::Migrate { from, to, cursor } => {
                let step = wit::Migration { from_state_version: from, to_state_version: to, cursor };
                let (result,): Stepped = call(store, instance, &self.migrate, (step,))?;
                stepped(result)
            }
            Export::Call { ref env, input } => {
                let (result,): Answered = call(store, instance, &self.call, (call_env(env), input))?;
                result.map_or_else(EngineResult::Revert, EngineResult::Return)
            }
            Export::BeginBlock { ref env } => done(call(store, instance, &self.begin_block, (block_env(env),))?),
            Export::EndBlock { ref env, summary } => {
                done(call(store, instance, &self.end_block, (block_env(env), block_summary(summary)))?)
            }
        })
    }
}

/// The index of one export of exactly this type.
fn find<P, R>(engine: &Engine, component: &Component, name: &str) -> Result<ComponentExportIndex, Rejection>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let wrong = |what: String| Rejection::WrongWorld(format!("export '{name}' {what}"));
    let ty = component.component_type();
    match ty.get_export(engine, name).map(|found| found.ty) {
        Some(ComponentItem::ComponentFunc(func)) if !func.async_() => func
            .typecheck::<P, R>(&ty.instance_type())
            .map_err(|error| wrong(format!("has another type: {error:#}")))?,
        Some(_) => return Err(wrong("is not a synchronous function".to_owned())),
        None => return Err(wrong("is missing".to_owned())),
    }
    component.get_export_index(None, name).ok_or_else(|| wrong("is missing".to_owned()))
}

/// Calls one export that [`find`] found in this instance's component, with the types that it checked.
fn call<P, R>(store: &mut Store<Guest>, instance: &Instance, index: &ComponentExportIndex, params: P) -> Result<R>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let func =
        instance.get_func(store.as_context_mut(), index).ok_or_else(|| Stop::Fatal(UNKNOWN_EXPORT.to_owned()))?;
    // SAFETY: the function is of the types `P` and `R`: `find` checked so for this component's index. `Exports` takes an
    // index only from there, `Exports::call` and `Exports::describe` name the same types as `Exports::of`, and an index of
    // another component gives no function.
    let func = unsafe { TypedFunc::<P, R>::new_unchecked(func) };
    func.call(store.as_context_mut(), params)
}

fn stepped(result: Result<wit::Migrated, String>) -> EngineResult {
    match result {
        Ok(wit::Migrated::Done) => EngineResult::Return(Vec::new()),
        Ok(wit::Migrated::More(wit::Progress { cursor, done, total })) => {
            EngineResult::More(Progress { cursor, done, total })
        }
        Err(message) => EngineResult::Revert(message.into_bytes()),
    }
}

fn block_env(env: &caldera_types::BlockEnv) -> wit::BlockEnv {
    wit::BlockEnv {
        chain_id: env.chain_id,
        number: env.number,
        timestamp_s: env.timestamp_s,
        prev_randao: env.prev_randao.into(),
    }
}

fn call_env(env: &CallEnv) -> wit::CallEnv {
    wit::CallEnv {
        caller: env.caller.into(),
        origin: env.origin.into(),
        self_address: env.self_address.into(),
        value: env.value.into(),
        static_call: env.is_static,
        gas_left: env.gas_left,
        block: block_env(&env.block),
    }
}

fn block_summary(summary: BlockSummary) -> wit::BlockSummary {
    wit::BlockSummary { transactions: summary.transactions, gas_used: summary.gas_used }
}
