//! What a refusal of the weave engine means for who carries.

use alloy_sol_types::SolInterface as _;
use weave_rules::abi::Weave::WeaveErrors as Errors;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has taken effect, or a later word of the origin has.
    Done,
    /// It may be taken later: a rule is missing, a limit is reached, a root is too old.
    MayPass,
    /// It never will be.
    Never,
}

/// What revert data says, and the error's name.
pub fn refusal(data: &[u8]) -> (Refusal, &'static str) {
    use Refusal::{Done, MayPass, Never};
    let Ok(error) = Errors::abi_decode(data) else { return (MayPass, "unknown") };
    match error {
        Errors::Duplicate(_) => (Done, "Duplicate"),
        Errors::Replay(_) => (Done, "Replay"),
        Errors::AlreadyMinted(_) => (Done, "AlreadyMinted"),
        Errors::AlreadyUnlocked(_) => (Done, "AlreadyUnlocked"),
        Errors::AlreadyEnded(_) => (Done, "AlreadyEnded"),
        Errors::NoRight(_) => (Done, "NoRight"),
        Errors::Expired(_) => (Never, "Expired"),
        Errors::WrongChain(_) => (Never, "WrongChain"),
        Errors::UnknownKind(_) => (Never, "UnknownKind"),
        Errors::UnknownVersion(_) => (Never, "UnknownVersion"),
        Errors::NoRule(_) => (MayPass, "NoRule"),
        Errors::UnknownOrigin(_) => (MayPass, "UnknownOrigin"),
        Errors::OriginIsFrozen(_) => (MayPass, "OriginIsFrozen"),
        Errors::ReorganisedSource(_) => (MayPass, "ReorganisedSource"),
        Errors::StaleRoot(_) => (MayPass, "StaleRoot"),
        Errors::NoCommittee(_) => (MayPass, "NoCommittee"),
        Errors::WrongCommittee(_) => (MayPass, "WrongCommittee"),
        Errors::WrongEpoch(_) => (MayPass, "WrongEpoch"),
        Errors::WrongIssuer(_) => (MayPass, "WrongIssuer"),
        Errors::CapExceeded(_) => (MayPass, "CapExceeded"),
        Errors::BeyondLocked(_) => (MayPass, "BeyondLocked"),
        Errors::NotCommitted(_) => (MayPass, "NotCommitted"),
        Errors::StillCommitted(_) => (MayPass, "StillCommitted"),
        Errors::NotLater(_) => (MayPass, "NotLater"),
        Errors::TokenRefused(_) => (MayPass, "TokenRefused"),
        Errors::PaymentFailed(_) => (MayPass, "PaymentFailed"),
        // A forged proof is not what this crate sends: the chains disagree on something, and somebody must look.
        _ => (MayPass, "other"),
    }
}
