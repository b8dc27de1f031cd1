//! Every refusal by its type, and nothing changed by it.

use caldera_sdk::{
    alloy_sol_types::SolValue,
    prelude::*,
    testing::{Failure, TestHost},
};
use clearing_rules::{
    MAX_AMOUNT,
    abi::Clearing::{self as abi, Config, Obligation},
};

use super::{World, both, world::*};
use crate::{Clearing, Incremental};

fn check<E: SolError + PartialEq + core::fmt::Debug>(world: &World, from: Address, call: &impl SolCall, error: E) {
    let before = world.host.storage(ENGINE);
    let failure = world.refused(from, call);
    assert_eq!(failure.error::<E>().as_ref(), Some(&error), "{failure}");
    assert_eq!(world.host.storage(ENGINE), before);
}

#[test]
fn obligations() {
    both(|world| {
        world.register(3);
        let good = owes(1, 2, 10, 1);
        world.submit(std::slice::from_ref(&good)).unwrap();
        let now = world.host.block().timestamp_s;
        let too_large = MAX_AMOUNT + U256::ONE;
        let check = |obligation: Obligation, error: Revert| {
            // A bad one undoes the good ones beside it.
            let batch = abi::submitBatchCall { obligations: vec![owes(1, 3, 5, 99), obligation] };
            let before = world.host.storage(ENGINE);
            assert_eq!(world.refused(OPERATOR, &batch), Failure::Reverted(error));
            assert_eq!(world.host.storage(ENGINE), before);
        };
        let bad = owes(1, 2, 10, 2);
        check(owes(9, 2, 10, 2), abi::NotRegistered { account: member(9) }.into());
        check(owes(1, 9, 10, 2), abi::NotRegistered { account: member(9) }.into());
        check(owes(1, 1, 10, 2), abi::SelfObligation { participant: member(1) }.into());
        check(Obligation { asset: BTC, ..bad.clone() }, abi::UnsupportedAsset { asset: BTC }.into());
        check(owes(1, 2, 0, 2), abi::ZeroAmount {}.into());
        check(
            Obligation { amount: too_large, ..bad.clone() },
            abi::AmountTooLarge { amount: too_large, most: MAX_AMOUNT }.into(),
        );
        check(Obligation { due: now, ..bad.clone() }, abi::DueInPast { due: now, nowSeconds: now }.into());
        let reference = good.referenceId;
        check(good, abi::DuplicateReference { debtor: member(1), referenceId: reference }.into());
        // The same reference of another debtor, the largest amount and a due date to come are fine.
        world.submit(&[Obligation { amount: MAX_AMOUNT, due: now + 1, ..owes(2, 1, 1, 1) }]).unwrap();
    });
}

#[test]
fn accounts() {
    both(|world| {
        world.register(2);
        let stranger = member(9);
        let unauthorized = |caller| abi::Unauthorized { caller };
        check(&world, member(1), &abi::registerCall {}, abi::AlreadyRegistered { participant: member(1) });
        check(&world, member(2), &abi::submitCall { obligation: owes(1, 2, 1, 1) }, unauthorized(member(2)));
        let batch = abi::submitBatchCall { obligations: vec![owes(1, 2, 1, 1)] };
        check(&world, member(1), &batch, unauthorized(member(1)));
        check(&world, OPERATOR, &abi::submitBatchCall { obligations: vec![] }, abi::EmptyBatch {});
        check(&world, GOVERNOR, &abi::closeCycleCall {}, unauthorized(GOVERNOR));
        check(&world, OPERATOR, &abi::closeCycleCall {}, abi::NothingToClose { cycle: 1 });
        check(&world, GOVERNOR, &abi::setPriceCall { price: U256::ONE }, unauthorized(GOVERNOR));
        check(&world, OPERATOR, &abi::setOperatorCall { operator: stranger }, unauthorized(OPERATOR));
        check(&world, ORACLE, &abi::setPriceAccountCall { priceAccount: stranger }, unauthorized(ORACLE));
        check(&world, LIQUIDATOR, &abi::setLiquidatorCall { liquidator: stranger }, unauthorized(LIQUIDATOR));
        check(&world, OPERATOR, &abi::reinstateCall { participant: member(1) }, unauthorized(OPERATOR));
        check(
            &world,
            GOVERNOR,
            &abi::reinstateCall { participant: member(1) },
            abi::NotSuspended { participant: member(1) },
        );
        check(
            &world,
            stranger,
            &abi::postMarginCall { asset: USD, amount: U256::ONE },
            abi::NotRegistered { account: stranger },
        );
        check(
            &world,
            member(1),
            &abi::postMarginCall { asset: ENGINE, amount: U256::ONE },
            abi::UnsupportedAsset { asset: ENGINE },
        );
        check(
            &world,
            member(1),
            &abi::postMarginCall { asset: USD, amount: U256::ONE },
            abi::TransferFailed { asset: USD, from: member(1), to: ENGINE, amount: U256::ONE },
        );
        check(&world, stranger, &abi::cycleCall { id: 2 }, abi::UnknownCycle { cycle: 2 });
        check(&world, member(1), &abi::claimCollateralCall {}, abi::NothingToClaim { account: member(1) });
        world.submit(&[owes(1, 2, 1, 1)]).unwrap();
        world.close();
        check(&world, OPERATOR, &abi::closeCycleCall {}, abi::CycleIsClosing { cycle: 1 });
        check(&world, member(1), &abi::callMarginCall { participants: vec![] }, abi::CycleIsClosing { cycle: 1 });
    });
}

#[test]
fn the_governor_names_the_other_accounts() {
    both(|world| {
        world.register(2);
        let new = member(50);
        world.call(GOVERNOR, &abi::setOperatorCall { operator: new }).unwrap();
        world.call(GOVERNOR, &abi::setPriceAccountCall { priceAccount: new }).unwrap();
        world.call(GOVERNOR, &abi::setLiquidatorCall { liquidator: new }).unwrap();
        let config = world.view(&abi::configCall {});
        assert_eq!([config.operator, config.priceAccount, config.liquidator], [new; 3]);
        world.call(new, &abi::setPriceCall { price: U256::from(7) }).unwrap();
        assert_eq!(world.view(&abi::priceCall {}).price, U256::from(7));
        world.call(new, &abi::submitBatchCall { obligations: vec![owes(1, 2, 1, 1)] }).unwrap();
        check(&world, OPERATOR, &abi::closeCycleCall {}, abi::Unauthorized { caller: OPERATOR });
    });
}

#[test]
fn a_debtor_submits_for_itself() {
    both(|world| {
        world.register(2);
        world.call(member(1), &abi::submitCall { obligation: owes(1, 2, 3, 1) }).unwrap();
        let submitted = world.host.events::<abi::ObligationSubmitted>();
        assert_eq!((submitted[0].cycle, submitted[0].debtor, submitted[0].amount), (1, member(1), U256::from(3)));
    });
}

#[test]
fn configurations() {
    let check = |bad: Config, reason: &str| {
        let host = TestHost::new();
        let error = host.init::<Clearing<Incremental>>(ENGINE, &bad.abi_encode()).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    check(Config { governor: Address::ZERO, ..config() }, "governor is the zero address");
    check(Config { liquidator: Address::ZERO, ..config() }, "liquidator is the zero address");
    check(Config { collateralAsset: USD, ..config() }, "the same token");
    check(Config { collateralDecimals: 19, ..config() }, "collateralDecimals is 19");
    check(Config { haircutBps: 10_001, ..config() }, "haircutBps is 10001");
    let host = TestHost::new();
    assert!(host.init::<Clearing<Incremental>>(ENGINE, b"nonsense").unwrap_err().contains("no ABI-encoded"));
}
