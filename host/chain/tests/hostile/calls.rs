//! What the entries about calls share: a call that faults, and the name of its fault.

use caldera_types::TxReceipt;

use crate::{Entry, guest::Guest};

/// The fault of a transaction that failed, or that there was none.
pub fn fault_of(receipt: &TxReceipt) -> String {
    match (receipt.fault, receipt.succeeded()) {
        (Some(fault), _) => fault.name().to_owned(),
        (None, true) => "none: succeeded".to_owned(),
        (None, false) => "reverted".to_owned(),
    }
}

/// A call of this guest must fault by this name and take all its gas.
pub fn faults(group: &'static str, input: &str, name: &'static str, guest: Guest, gas: u64) -> Entry {
    Entry::new(group, input, name, move |arena| {
        arena.mount(&guest);
        let receipt = arena.call(b"input", gas);
        assert_eq!(receipt.gas_used, gas, "a fault takes all the gas");
        fault_of(&receipt)
    })
}
