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
    interpreter::{
        GasTable, Host, InstructionTable, instruction_table, instructions::gas_table_spec, interpreter::EthInterpreter,
    },
    primitives::hardfork::SpecId,
};

use crate::{
    block_engines::BlockEngines,
    error::{ExecutionError, TxRefusal},
    mounts::Precompiles,
    view_db::{ViewDb, ViewError},
};

/// The newest hard fork that Ethereum has activated. A chain of ours has never had another.
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
pub(crate) struct Instructions<H>(PhantomData<fn(H)>);

impl<H: Host> InstructionProvider for Instructions<H> {
    type Context = H;
    type InterpreterTypes = EthInterpreter;

    fn instruction_table(&self) -> &InstructionTable<EthInterpreter, H> {
        const { &instruction_table::<EthInterpreter, H>() }
    }

    fn gas_table(&self) -> &GasTable {
        const { &gas_table_spec(SPEC) }
    }
}

/// A context for a block, before any transaction.
pub(crate) fn context<'a>(env: &Env, db: ViewDb<'a>, engines: BlockEngines<'a>) -> Ctx<'a> {
    let mut cfg = CfgEnv::new_with_spec(SPEC);
    cfg.chain_id = env.chain_id;
    cfg.tx_gas_limit_cap = Some(TX_GAS);
    let mut journal = Journal::new(db);
    journal.set_spec_id(SPEC);
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
    Evm {
        ctx,
        inspector: (),
        instruction: Instructions(PhantomData),
        precompiles: Precompiles,
        frame_stack: FrameStack::new(),
    }
}

/// Runs one transaction on the context's journal and leaves its changes there.
pub(crate) fn transact(ctx: &mut Ctx<'_>, tx: TxEnv) -> Result<ExecutionResult, TransactError> {
    ctx.chain.begin_transaction();
    ctx.tx = tx;
    let result = EvmHandler::default().run(&mut borrow(ctx));
    result.map_err(|error| {
        // The handler already discarded the transaction; finalising drops what it loaded.
        let _ = ctx.journaled_state.finalize();
        if let Some(node) = ctx.chain.take_failure() {
            return TransactError::Node(node);
        }
        match error {
            EVMError::Transaction(InvalidTransaction::NonceTooHigh { tx, state }) => {
                TransactError::Refused(TxRefusal::NonceAhead { tx, account: state })
            }
            EVMError::Transaction(invalid) => TransactError::Refused(TxRefusal::Invalid(invalid.to_string())),
            EVMError::Database(ViewError(state)) => TransactError::Node(ExecutionError::State(state)),
            other => TransactError::Node(ExecutionError::Evm(other.to_string())),
        }
    })
}

/// A transaction did not run.
pub(crate) enum TransactError {
    /// By its own fault.
    Refused(TxRefusal),
    /// By the node's.
    Node(ExecutionError),
}
