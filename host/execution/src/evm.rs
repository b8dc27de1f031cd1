//! revm, set up for this chain: its context, its instruction table, its configuration and one run of it.

use std::marker::PhantomData;

use alloy_primitives::U256;
use caldera_types::{BlockEnv as Env, limits::TX_GAS};
use revm::{
    Context, Journal,
    context::{
        BlockEnv, CfgEnv, Evm, FrameStack, LocalContext, TxEnv,
        result::{EVMError, ExecutionResult, InvalidTransaction},
    },
    context_interface::JournalTr,
    handler::{EthFrame, Handler, MainnetHandler, instructions::InstructionProvider},
    inspector::InspectorHandler,
    interpreter::{
        GasTable, Host, InstructionTable, instruction_table, instructions::gas_table_spec, interpreter::EthInterpreter,
    },
    primitives::hardfork::SpecId,
};

use crate::{
    block_engines::BlockEngines,
    error::{ExecutionError, TxRefusal},
    ethereum,
    mounts::Precompiles,
    trace::{Watched, WatchedHandler},
    view_db::{ViewDb, ViewError},
};

/// The newest hard fork that Ethereum has activated. Blocks of ours have never had another; in the history that another
/// client made, the block's own counts.
pub(crate) const SPEC: SpecId = SpecId::OSAKA;

/// revm's context over our database, with the block's engines beside it.
pub(crate) type Ctx<'a> =
    Context<BlockEnv, TxEnv, CfgEnv, ViewDb<'a>, Journal<ViewDb<'a>>, BlockEngines<'a>, LocalContext>;

/// revm over a borrowed context: nested runs borrow the same one.
pub(crate) type BorrowedEvm<'e, 'a> =
    Evm<&'e mut Ctx<'a>, (), Instructions<&'e mut Ctx<'a>>, Precompiles, EthFrame<EthInterpreter>>;

/// revm's handler for it.
pub(crate) type EvmHandler<'e, 'a> =
    MainnetHandler<BorrowedEvm<'e, 'a>, EVMError<ViewError, InvalidTransaction>, EthFrame<EthInterpreter>>;

/// The instruction and gas tables, made at compile time: building them for each nested run would cost more than the run.
pub(crate) struct Instructions<H> {
    gas: &'static GasTable,
    host: PhantomData<fn(H)>,
}

impl<H: Host> InstructionProvider for Instructions<H> {
    type Context = H;
    type InterpreterTypes = EthInterpreter;

    fn instruction_table(&self) -> &InstructionTable<EthInterpreter, H> {
        const { &instruction_table::<EthInterpreter, H>() }
    }

    fn gas_table(&self) -> &GasTable {
        self.gas
    }
}

/// The static costs of a fork's instructions.
fn gas_table(spec: SpecId) -> &'static GasTable {
    if spec.is_enabled_in(SpecId::BERLIN) {
        // No fork between Berlin and ours changed one.
        const { &gas_table_spec(SPEC) }
    } else if spec.is_enabled_in(SpecId::ISTANBUL) {
        const { &gas_table_spec(SpecId::ISTANBUL) }
    } else if spec.is_enabled_in(SpecId::TANGERINE) {
        const { &gas_table_spec(SpecId::TANGERINE) }
    } else {
        const { &gas_table_spec(SpecId::FRONTIER) }
    }
}

/// A context for a block, before any transaction.
pub(crate) fn context<'a>(env: &Env, db: ViewDb<'a>, engines: BlockEngines<'a>) -> Ctx<'a> {
    let mut cfg = CfgEnv::new_with_spec(SPEC);
    if let Some(ethereum) = env.rules.ethereum() {
        cfg = CfgEnv::new_with_spec(ethereum::spec_id(ethereum.fork));
        cfg.max_blobs_per_tx = Some(ethereum.max_blobs_per_tx);
    } else {
        cfg.tx_gas_limit_cap = Some(TX_GAS);
    }
    cfg.chain_id = env.chain_id;
    let mut journal = Journal::new(db);
    journal.set_spec_id(cfg.spec);
    journal.warm_precompiles(engines.warm_addresses());
    let mut block = BlockEnv {
        number: U256::from(env.number),
        beneficiary: env.beneficiary,
        timestamp: U256::from(env.timestamp_s),
        gas_limit: env.gas_limit,
        basefee: env.base_fee,
        difficulty: U256::ZERO,
        prevrandao: Some(env.prev_randao),
        ..Default::default()
    };
    // No blobs here, but BLOBBASEFEE must answer: one wei, as on a chain whose blobs are never used.
    block.set_blob_excess_gas_and_price(0, revm::primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE);
    if let Some(ethereum) = env.rules.ethereum() {
        ethereum::put_env(&mut block, ethereum);
    }
    Context {
        block,
        tx: TxEnv::default(),
        cfg,
        journaled_state: journal,
        chain: engines,
        local: LocalContext::default(),
        error: Ok(()),
    }
}

/// revm on a borrowed context.
pub(crate) fn borrow<'e, 'a>(ctx: &'e mut Ctx<'a>) -> BorrowedEvm<'e, 'a> {
    let gas = gas_table(ctx.cfg.spec);
    Evm {
        ctx,
        inspector: (),
        instruction: Instructions { gas, host: PhantomData },
        precompiles: Precompiles,
        frame_stack: FrameStack::new(),
    }
}

/// Runs one transaction on the context's journal and leaves its changes there.
pub(crate) fn transact(ctx: &mut Ctx<'_>, tx: TxEnv) -> Result<ExecutionResult, TransactError> {
    ctx.chain.begin_transaction();
    ctx.tx = tx;
    let result = match ctx.chain.tracer {
        None => EvmHandler::default().run(&mut borrow(ctx)),
        // One that does not listen costs a little and hears nothing.
        Some(_) => WatchedHandler::default().inspect_run(&mut Watched::new(borrow(ctx))),
    };
    result.map_err(|error| {
        // The handler already discarded the transaction; finalising drops what it loaded.
        let _ = ctx.journaled_state.finalize();
        if let Some(node) = ctx.chain.take_failure() {
            return TransactError::Node(node);
        }
        match error {
            EVMError::Transaction(invalid) => {
                let rule = BrokenRule::of(&invalid);
                let refusal = match invalid {
                    InvalidTransaction::NonceTooHigh { tx, state } => TxRefusal::NonceAhead { tx, account: state },
                    invalid => TxRefusal::Invalid(words(&invalid)),
                };
                TransactError::Refused(refusal, rule)
            }
            EVMError::Database(ViewError(state)) => TransactError::Node(ExecutionError::State(state)),
            other => TransactError::Node(ExecutionError::Evm(other.to_string())),
        }
    })
}

/// Which rule a refused transaction breaks, as far as clients tell rules apart (`eth_simulateV1` has a code for each).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenRule {
    /// Its nonce is used.
    NonceTooLow,
    /// Its nonce is ahead.
    NonceTooHigh,
    /// It offers less than the base fee.
    BaseFee,
    /// Its gas does not pay for the transaction itself.
    IntrinsicGas,
    /// The sender cannot pay.
    Funds,
    /// It does not fit in the block.
    BlockGas,
    /// The sender has code.
    SenderHasCode,
    /// Its init code is too long.
    InitCodeSize,
    /// Its nonce is the last one, which no transaction has (EIP-2681).
    LastNonce,
    /// Another.
    Other,
}

impl BrokenRule {
    fn of(invalid: &InvalidTransaction) -> Self {
        use InvalidTransaction as I;
        match invalid {
            I::NonceTooLow { .. } => Self::NonceTooLow,
            I::NonceTooHigh { .. } => Self::NonceTooHigh,
            I::NonceOverflowInTransaction => Self::LastNonce,
            I::GasPriceLessThanBasefee => Self::BaseFee,
            I::CallGasCostMoreThanGasLimit { .. } | I::GasFloorMoreThanGasLimit { .. } => Self::IntrinsicGas,
            I::LackOfFundForMaxFee { .. } | I::OverflowPaymentInTransaction => Self::Funds,
            I::CallerGasLimitMoreThanBlock | I::TxGasLimitGreaterThanCap { .. } => Self::BlockGas,
            I::RejectCallerWithCode => Self::SenderHasCode,
            I::CreateInitCodeSizeLimit => Self::InitCodeSize,
            _ => Self::Other,
        }
    }
}

/// Why a transaction cannot run, as geth words it where it has a word: clients look for these.
fn words(invalid: &InvalidTransaction) -> String {
    use InvalidTransaction as I;
    match invalid {
        I::NonceTooLow { tx, state } => format!("nonce too low: next nonce {state}, tx nonce {tx}"),
        I::NonceOverflowInTransaction => "nonce has max value".into(),
        I::GasPriceLessThanBasefee => "max fee per gas less than block base fee".into(),
        I::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        I::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
        }
        I::LackOfFundForMaxFee { fee, balance } => {
            format!("insufficient funds for gas * price + value: have {balance} want {fee}")
        }
        I::RejectCallerWithCode => "sender not an eoa".into(),
        I::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        other => other.to_string(),
    }
}

/// A transaction did not run.
pub(crate) enum TransactError {
    /// By its own fault.
    Refused(TxRefusal, BrokenRule),
    /// By the node's.
    Node(ExecutionError),
}
