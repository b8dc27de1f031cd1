//! A version with the layout of the first that diverges from it, in another way with each function.

use caldera_sdk::prelude::*;

use crate::{IProbe, Probe, misbehave};

/// Diverges from [`Probe`] on demand: each function named here in its own way, every other in none.
#[derive(Default)]
pub struct OddProbe(Probe);

impl Engine for OddProbe {
    type Calls = IProbe::IProbeCalls;
    const NAME: &'static str = "probe";
    const VERSION: &'static str = "1.1.0-odd";
    const ABI: &'static str = Probe::ABI;
    const PAYABLE: &'static [[u8; 4]] = Probe::PAYABLE;

    fn call(&mut self, env: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
        use IProbe::IProbeCalls as Calls;
        let call = match call {
            // Fails where version 1 does not.
            Calls::blocks(_) => misbehave::trap(),
            Calls::trap(_) => {
                misbehave::recurse(0);
                call
            }
            // Other data.
            Calls::echo(mut call) => {
                call.data = call.data.iter().rev().copied().collect::<Vec<u8>>().into();
                Calls::echo(call)
            }
            Calls::refuse(mut call) => {
                call.code += U256::ONE;
                Calls::refuse(call)
            }
            // Other effects.
            Calls::set(mut call) if call.value.as_ref() == b"odd" => {
                call.value = b"even".to_vec().into();
                Calls::set(call)
            }
            Calls::note(mut call) => {
                call.topic += U256::ONE;
                Calls::note(call)
            }
            Calls::forward(mut call) if env.value.is_zero() => {
                call.input = [call.input.as_ref(), &[0]].concat().into();
                Calls::forward(call)
            }
            Calls::forward(call) => {
                let less = CallEnv { value: env.value - U256::ONE, ..env.clone() };
                return self.0.run(&less, Calls::forward(call), 1);
            }
            // More work for the same answer.
            Calls::compute(call) => {
                std::hint::black_box(misbehave::compute(call.rounds));
                Calls::compute(call)
            }
            call => call,
        };
        self.0.run(env, call, 1)
    }

    fn configure(&mut self, config: &[u8]) -> Result<(), String> {
        self.0.configure(config)
    }
}
