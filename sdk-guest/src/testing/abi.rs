//! The ABI file: written from the Solidity interface, and checked against it.

use std::collections::BTreeSet;

use alloy_json_abi::{JsonAbi, StateMutability};
use alloy_sol_types::SolInterface;

use crate::{Engine, revert::sdk::Sdk};

/// The text of the ABI file for an interface: one item per line, with the errors of the SDK itself.
pub fn write_abi(mut abi: JsonAbi) -> String {
    abi.errors.extend(Sdk::abi::contract().errors);
    // Writing plain data to memory as JSON cannot fail; an item that did would be missing, and the check would tell.
    let items: Vec<_> = abi.items().filter_map(|item| serde_json::to_string(&item).ok()).collect();
    format!("[\n  {}\n]\n", items.join(",\n  "))
}

/// Checks that an engine's ABI constant and payable list say what its interface says. Give the interface's
/// `X::abi::contract()` and the file's path. With `CALDERA_WRITE_ABI=1` in the environment it writes the file first;
/// build again afterwards, because the engine includes it.
pub fn check_abi<E: Engine>(interface: JsonAbi, file: &str) -> Result<(), String> {
    let known: BTreeSet<_> = E::Calls::selectors().collect();
    let declared: BTreeSet<_> = interface.functions().map(|function| function.selector().0).collect();
    if known != declared {
        return Err(format!("{}: the ABI is of another interface than `Engine::Calls`", E::NAME));
    }
    let payable = interface.functions().filter(|function| function.state_mutability == StateMutability::Payable);
    let payable: BTreeSet<_> = payable.map(|function| function.selector().0).collect();
    if payable != E::PAYABLE.iter().copied().collect() {
        return Err(format!("{}: `Engine::PAYABLE` is not the list of the interface's payable functions", E::NAME));
    }
    let text = write_abi(interface);
    if std::env::var_os("CALDERA_WRITE_ABI").is_some() {
        return std::fs::write(file, text).map_err(|error| format!("cannot write {file}: {error}"));
    }
    if E::ABI != text {
        return Err(format!("{file} is out of date: run this test with CALDERA_WRITE_ABI=1, then again without"));
    }
    Ok(())
}
