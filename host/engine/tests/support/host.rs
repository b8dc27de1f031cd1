//! A host over a map: charges round numbers, remembers what it was asked, and can be told to fail.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use caldera_engine::{EngineHost, GasMeter, HostError, LogLevel, Subcall, SubcallResult};

type Answer = Box<dyn FnMut(Subcall<'_>, &mut GasMeter) -> Result<SubcallResult, HostError>>;

/// The host.
#[derive(Default)]
pub struct MapHost {
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub logs: Vec<(Vec<B256>, Vec<u8>)>,
    pub messages: Vec<(LogLevel, String)>,
    pub fails: Option<HostError>,
    pub answer: Option<Answer>,
}

pub const GET_GAS: u64 = 2_100;
pub const SET_GAS: u64 = 20_000;

impl MapHost {
    fn act(&self, cost: u64, gas: &mut GasMeter) -> Result<(), HostError> {
        gas.charge(cost)?;
        self.fails.clone().map_or(Ok(()), Err)
    }
}

impl EngineHost for MapHost {
    fn get(&mut self, key: &[u8], gas: &mut GasMeter) -> Result<Option<Vec<u8>>, HostError> {
        self.act(GET_GAS, gas)?;
        Ok(self.state.get(key).cloned())
    }

    fn set(&mut self, key: &[u8], value: &[u8], gas: &mut GasMeter) -> Result<(), HostError> {
        self.act(SET_GAS, gas)?;
        self.state.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn remove(&mut self, key: &[u8], gas: &mut GasMeter) -> Result<(), HostError> {
        self.act(SET_GAS, gas)?;
        self.state.remove(key);
        Ok(())
    }

    fn call(&mut self, call: Subcall<'_>, gas: &mut GasMeter) -> Result<SubcallResult, HostError> {
        match &mut self.answer {
            Some(answer) => answer(call, gas),
            None => Ok(SubcallResult::Return(Bytes::copy_from_slice(call.input))),
        }
    }

    fn emit(&mut self, topics: &[B256], data: &[u8], gas: &mut GasMeter) -> Result<(), HostError> {
        self.act(375, gas)?;
        self.logs.push((topics.to_vec(), data.to_vec()));
        Ok(())
    }

    fn balance(&mut self, of: Address, gas: &mut GasMeter) -> Result<U256, HostError> {
        self.act(100, gas)?;
        Ok(U256::from_be_slice(&of.as_slice()[..2]))
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.messages.push((level, message.to_owned()));
    }
}
