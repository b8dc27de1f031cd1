//! Step 2: two hundred participants are funded, register, post margin and fill the default fund.

use alloy_primitives::{Address, U256};
use clearing_rules::abi::{Clearing, IERC20};

use crate::{
    dev::CLEARING,
    output,
    rpc::{Sender, SignedTx},
    tour::{
        TourError,
        members::{Kind, MEMBERS, SEED},
        plan::{self, Endowment},
        prices,
        report::Telling,
        same,
        settle::wallets_hold,
        synthetic::{FIRST, SECOND, generate},
        world::{CALL_GAS, WITHIN, World},
    },
};

/// Which of the ten accounts pays out ether, dollars and bitcoin: one each, so that they need not wait for each other.
const TREASURIES: [usize; 3] = [3, 4, 5];
/// Wei for each member's gas: five ether.
const GAS_MONEY: u64 = 5_000_000_000_000_000_000;

/// Brings the members in.
pub async fn onboard(telling: &mut Telling, world: &mut World) -> Result<(), TourError> {
    let mut step = telling.begin("members", "200 participants register and post margin");
    let price = prices::crash()?.into_iter().next().unwrap_or_default();
    let [first, second] = [FIRST, SECOND].map(|batch| world.model(&generate(&batch)));
    let endowments = plan::endowments(&world.config, &price, [&first, &second]);
    let mut txs = fund(world, &endowments)?;
    txs.push(set_price(world, &price)?);
    txs.push(let_liquidator_buy(world)?);
    world.watch.settle(&txs, WITHIN).await?;
    let joining = join(world, &endowments)?;
    let receipts = world.watch.settle(&joining, WITHIN).await?;
    world.wallets = endowments.iter().map(|has| has.cash).collect();
    check(world, &endowments).await?;

    let decimals = world.asset.decimals;
    let dollars = |units: U256| format!("{} {}", output::decimal(units, decimals), world.asset.symbol);
    let sum = |part: fn(&Endowment) -> U256| endowments.iter().map(part).sum::<U256>();
    let of = |kind| world.members.iter().filter(|member| member.kind() == kind).count() as u64;
    step.figure("seed", "seed of keys and obligations", SEED.to_string(), SEED);
    step.count("members", "participants", MEMBERS as u64);
    step.count("dealers", "  of them dealers", of(Kind::Dealer));
    step.count("bitcoin", "  of them with margin in bitcoin", of(Kind::Bitcoin));
    step.count("transactions", "transactions", (txs.len() + joining.len()) as u64);
    step.count("gas", "gas of joining", receipts.iter().map(|receipt| receipt.gas_used).sum());
    step.figure("margin", "margin in dollars", dollars(sum(|has| has.margin)), sum(|has| has.margin).to_string());
    let bitcoin = sum(|has| has.bitcoin);
    let text = format!("{} tBTC", output::decimal(bitcoin, world.config.collateralDecimals));
    step.figure("marginBitcoin", "margin in bitcoin", text, bitcoin.to_string());
    step.figure("fund", "default fund", dollars(sum(|has| has.fund)), sum(|has| has.fund).to_string());
    step.fact("price", "price of bitcoin", format!("{} USD, {}", usd(price.cents), price.label));
    telling.end(step, &format!("{MEMBERS} participants, default fund {}", dollars(sum(|has| has.fund))));
    Ok(())
}

/// Dollars and cents.
pub fn usd(cents: u64) -> String {
    format!("{}.{:02}", output::count(cents / 100), cents % 100)
}

fn fund(world: &mut World, endowments: &[Endowment]) -> Result<Vec<SignedTx>, TourError> {
    let (addresses, dollars, bitcoin) = (world.addresses(), world.asset.address, world.config.collateralAsset);
    let mut txs = Vec::new();
    let [ether, usd, btc] = TREASURIES;
    for (address, has) in addresses.iter().zip(endowments) {
        txs.push(world.accounts[ether].pay(*address, U256::from(GAS_MONEY))?);
        txs.push(transfer(&mut world.accounts[usd], dollars, *address, has.dollars())?);
        if !has.bitcoin.is_zero() {
            txs.push(transfer(&mut world.accounts[btc], bitcoin, *address, has.bitcoin)?);
        }
    }
    Ok(txs)
}

fn transfer(from: &mut Sender, token: Address, to: Address, value: U256) -> Result<SignedTx, TourError> {
    Ok(from.call(token, &IERC20::transferCall { to, value }, CALL_GAS)?)
}

/// The transaction that names a price.
pub fn set_price(world: &mut World, hour: &prices::Hour) -> Result<SignedTx, TourError> {
    let call = Clearing::setPriceCall { price: plan::price_word(hour) };
    Ok(world.price_account().call(CLEARING, &call, CALL_GAS)?)
}

fn let_liquidator_buy(world: &mut World) -> Result<SignedTx, TourError> {
    let dollars = world.asset.address;
    let approve = IERC20::approveCall { spender: CLEARING, value: U256::MAX };
    Ok(world.liquidator().call(dollars, &approve, CALL_GAS)?)
}

/// Each member's own transactions.
fn join(world: &mut World, endowments: &[Endowment]) -> Result<Vec<SignedTx>, TourError> {
    let (dollars, bitcoin) = (world.asset.address, world.config.collateralAsset);
    let approve = IERC20::approveCall { spender: CLEARING, value: U256::MAX };
    let mut txs = Vec::new();
    for (sender, has) in world.senders.iter_mut().zip(endowments) {
        txs.push(sender.call(CLEARING, &Clearing::registerCall {}, CALL_GAS)?);
        txs.push(sender.call(dollars, &approve, CALL_GAS)?);
        for (asset, amount) in [(dollars, has.margin), (bitcoin, has.bitcoin)] {
            if amount.is_zero() {
                continue;
            }
            if asset == bitcoin {
                txs.push(sender.call(bitcoin, &approve, CALL_GAS)?);
            }
            txs.push(sender.call(CLEARING, &Clearing::postMarginCall { asset, amount }, CALL_GAS)?);
        }
        let call = Clearing::contributeToDefaultFundCall { amount: has.fund };
        txs.push(sender.call(CLEARING, &call, CALL_GAS)?);
    }
    Ok(txs)
}

/// The chain has taken in what was sent.
async fn check(world: &World, endowments: &[Endowment]) -> Result<(), TourError> {
    let registered = world.rpc.call(CLEARING, Clearing::participantsCall {}).await?;
    same("participants", registered.len(), MEMBERS)?;
    let fund = world.rpc.call(CLEARING, Clearing::defaultFundCall {}).await?;
    same("default fund", fund, endowments.iter().map(|has| has.fund).sum())?;
    let calls: Vec<_> =
        world.addresses().into_iter().map(|participant| Clearing::marginOfCall { participant }).collect();
    for (margin, has) in world.rpc.call_many(CLEARING, &calls).await?.into_iter().zip(endowments) {
        same("margin in dollars", margin.settlement, has.margin)?;
        same("margin in bitcoin", margin.collateral, has.bitcoin)?;
    }
    wallets_hold(world).await
}
