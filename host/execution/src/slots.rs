//! An account's storage slots on the journal, charged as the EVM charges SLOAD and SSTORE.

use alloy_primitives::{Address, U256};
use caldera_engine::{GasMeter, HostError};
use caldera_types::Fault;
use revm::context_interface::{Cfg, ContextTr, JournalTr};

use crate::{bytes_map::SlotAccess, evm::Ctx};

/// Slots of one account, with the gas that pays for them and the refund that they earn.
pub(crate) struct Slots<'s, 'a> {
    pub(crate) ctx: &'s mut Ctx<'a>,
    pub(crate) account: Address,
    pub(crate) gas: &'s mut GasMeter,
    pub(crate) refund: &'s mut i64,
}

/// A read of the database failed: this node's fault.
pub(crate) fn fatal(error: impl std::fmt::Display) -> HostError {
    HostError::Fatal(error.to_string())
}

impl SlotAccess for Slots<'_, '_> {
    type Error = HostError;

    fn load(&mut self, slot: U256) -> Result<U256, HostError> {
        let params = self.ctx.cfg().gas_params();
        let (warm, cold) = (params.warm_storage_read_cost(), params.cold_storage_additional_cost());
        self.gas.charge(warm)?;
        let loaded = self.ctx.journal_mut().sload(self.account, slot).map_err(fatal)?;
        if loaded.is_cold {
            self.gas.charge(cold)?;
        }
        Ok(loaded.data)
    }

    fn store(&mut self, slot: U256, value: U256) -> Result<(), HostError> {
        let params = self.ctx.cfg().gas_params();
        // EIP-2200: no SSTORE on the stipend of a transfer.
        if self.gas.remaining() <= params.call_stipend() {
            return Err(HostError::Fault(Fault::OutOfFuel));
        }
        let static_gas = params.sstore_static_gas();
        self.gas.charge(static_gas)?;
        // Without a call frame (a hook, an activation) nothing else marks the account as changed.
        self.ctx.journal_mut().touch_account(self.account);
        let stored = self.ctx.journal_mut().sstore(self.account, slot, value).map_err(fatal)?;
        let params = self.ctx.cfg().gas_params();
        let dynamic = params.sstore_dynamic_gas(true, &stored.data, stored.is_cold);
        *self.refund += params.sstore_refund(true, &stored.data);
        self.gas.charge(dynamic)
    }
}
