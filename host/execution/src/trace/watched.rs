//! revm on a borrowed context, with a tap. revm itself inspects only a machine that owns its context, though it needs no
//! more than this.

use revm::{
    context::FrameStack,
    context::result::{EVMError, InvalidTransaction},
    handler::{
        EthFrame, EvmTr, FrameInitOrResult, FrameResult, FrameTr, MainnetHandler,
        evm::{ContextDbError, FrameInitResult},
    },
    inspector::InspectorEvmTr,
    interpreter::{interpreter::EthInterpreter, interpreter_action::FrameInit},
};

use super::Tap;
use crate::{
    evm::{BorrowedEvm, Ctx, Instructions},
    mounts::Precompiles,
    view_db::ViewError,
};

type Frames = FrameStack<EthFrame<EthInterpreter>>;

/// The machine that is listened to.
pub(crate) struct Watched<'e, 'a> {
    evm: BorrowedEvm<'e, 'a>,
    tap: Tap,
}

/// revm's handler for it.
pub(crate) type WatchedHandler<'e, 'a> =
    MainnetHandler<Watched<'e, 'a>, EVMError<ViewError, InvalidTransaction>, EthFrame<EthInterpreter>>;

impl<'e, 'a> Watched<'e, 'a> {
    pub(crate) fn new(evm: BorrowedEvm<'e, 'a>) -> Self {
        Self { evm, tap: Tap::default() }
    }
}

impl<'e, 'a> EvmTr for Watched<'e, 'a> {
    type Context = &'e mut Ctx<'a>;
    type Instructions = Instructions<&'e mut Ctx<'a>>;
    type Precompiles = Precompiles;
    type Frame = EthFrame<EthInterpreter>;

    fn all(&self) -> (&Self::Context, &Self::Instructions, &Self::Precompiles, &Frames) {
        self.evm.all()
    }

    fn all_mut(&mut self) -> (&mut Self::Context, &mut Self::Instructions, &mut Self::Precompiles, &mut Frames) {
        self.evm.all_mut()
    }

    fn frame_init(
        &mut self,
        input: FrameInit,
    ) -> Result<FrameInitResult<'_, Self::Frame>, ContextDbError<Self::Context>> {
        self.evm.frame_init(input)
    }

    fn frame_run(&mut self) -> Result<FrameInitOrResult<Self::Frame>, ContextDbError<Self::Context>> {
        self.evm.frame_run()
    }

    fn frame_return_result(
        &mut self,
        result: <Self::Frame as FrameTr>::FrameResult,
    ) -> Result<Option<FrameResult>, ContextDbError<Self::Context>> {
        self.evm.frame_return_result(result)
    }
}

impl InspectorEvmTr for Watched<'_, '_> {
    type Inspector = Tap;

    fn all_inspector(&self) -> (&Self::Context, &Self::Instructions, &Self::Precompiles, &Frames, &Tap) {
        let (ctx, instructions, precompiles, frames) = self.evm.all();
        (ctx, instructions, precompiles, frames, &self.tap)
    }

    fn all_mut_inspector(
        &mut self,
    ) -> (&mut Self::Context, &mut Self::Instructions, &mut Self::Precompiles, &mut Frames, &mut Tap) {
        let (ctx, instructions, precompiles, frames) = self.evm.all_mut();
        (ctx, instructions, precompiles, frames, &mut self.tap)
    }
}
