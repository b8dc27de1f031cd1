//! Words everyone shares: blocks, receipts, components, mounts, faults, certificates and the limits that bind them.
//!
//! Nothing here does I/O or knows a database, a virtual machine or a network. What is hashed or stored has one
//! encoding, and it stands beside its type.

pub mod block;
pub mod certificate;
pub mod component;
pub mod ethereum;
pub mod fault;
pub mod fees;
pub mod limits;
pub mod metering;
pub mod mount;
pub mod outcome;
pub mod receipt;
pub mod swap;
pub mod unsigned;

pub use block::{Block, BlockEnv, BlockSummary, SealedBlock};
pub use certificate::{
    BlsKey, BlsSignature, Certificate, CertificateError, Committee, Evidence, Finality, Member, Statement, Vote,
};
pub use component::{Component, ComponentError, Digest};
pub use ethereum::{EthereumBody, EthereumEnv, Fork, Rules};
pub use fault::Fault;
pub use fees::FeeRule;
pub use mount::{EngineLimits, Grants, Hooks, Interface, Mount};
pub use outcome::{LastSwap, Outcome};
pub use receipt::TxReceipt;
pub use swap::{Cause, Freeze, Generation, Migration, Phase, Probation, ProbationRule, RollBack, Swap};
pub use unsigned::{
    Author, EDIT_ADDRESS, SYSTEM_ADDRESS, edit_transaction, impersonation, is_system_transaction, system_transaction,
};
