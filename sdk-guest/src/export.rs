//! From an [`Engine`] to the component's exports.

use alloy_sol_types::{SolInterface, abi::AbiDecoderConfig};

use crate::{CallEnv, Engine, MalformedCalldata, NotPayable, Revert, UnknownSelector};

/// Dispatches raw calldata: finds the function, checks value and arguments, and runs it. Never panics by itself.
pub fn run_call<E: Engine>(env: &CallEnv, input: &[u8]) -> Result<Vec<u8>, Revert> {
    if input.is_empty() {
        return E::default().receive(env).map(|()| Vec::new());
    }
    let Some((&selector, arguments)) = input.split_first_chunk::<4>() else {
        let mut padded = [0; 4];
        padded[..input.len()].copy_from_slice(input);
        return Err(UnknownSelector { selector: padded.into() }.into());
    };
    if !E::Calls::valid_selector(selector) {
        return Err(UnknownSelector { selector: selector.into() }.into());
    }
    if !env.value.is_zero() && !E::PAYABLE.contains(&selector) {
        return Err(NotPayable {}.into());
    }
    let config = AbiDecoderConfig::new().validate(true);
    match E::Calls::abi_decode_raw_with_config(selector, arguments, config) {
        Ok(call) => E::default().call(env, call),
        Err(_) => Err(MalformedCalldata { selector: selector.into() }.into()),
    }
}

/// Makes the crate a component with this engine. Does nothing in native builds.
#[macro_export]
macro_rules! export {
    ($engine:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::Component<$engine>;
    $crate::bindings::export_engine!(Component with_types_in $crate::bindings);
        };
    };
}

/// The component's exports for an engine.
#[cfg(target_arch = "wasm32")]
pub struct Component<E>(core::marker::PhantomData<E>);

#[cfg(target_arch = "wasm32")]
mod component {
    use super::{Component, run_call};
    use crate::{Engine, bindings, host};

    impl<E: Engine + 'static> bindings::Guest for Component<E> {
        fn describe() -> bindings::Description {
            bindings::Description {
                name: E::NAME.into(),
                version: E::VERSION.into(),
                state_version: E::STATE_VERSION,
                abi: E::ABI.into(),
                begin_block: E::BEGIN_BLOCK,
                end_block: E::END_BLOCK,
            }
        }

        fn init(config: Vec<u8>) -> Result<(), String> {
            host::hook_panics();
            E::default().init(&config)
        }

        fn configure(config: Vec<u8>) -> Result<(), String> {
            host::hook_panics();
            E::default().configure(&config)
        }

        fn migrate(step: bindings::Migration) -> Result<bindings::Migrated, String> {
            host::hook_panics();
            E::default().migrate(&step.into()).map(bindings::Migrated::from)
        }

        fn call(env: bindings::CallEnv, input: Vec<u8>) -> Result<Vec<u8>, Vec<u8>> {
            host::hook_panics();
            run_call::<E>(&env.into(), &input).map_err(|revert| revert.into_data())
        }

        fn begin_block(block: bindings::BlockEnv) -> Result<(), String> {
            host::hook_panics();
            E::default().begin_block(&block.into())
        }

        fn end_block(block: bindings::BlockEnv, summary: bindings::BlockSummary) -> Result<(), String> {
            host::hook_panics();
            E::default().end_block(&block.into(), &summary.into())
        }
    }
}
