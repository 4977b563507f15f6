//! The page's bar charts, as inline SVG: invitations by hour, and by reason. Labels are HTML, so that they can be read on a
//! small screen. Knows nothing of where the numbers come from.

use maud::{Markup, html};

use super::recent::HOURS_SHOWN;
use crate::journal::Tally;
use crate::model::State;

/// The width of an hour and of its bar, in units of the drawing.
const HOUR_WIDTH: u64 = 10;
const BAR_WIDTH: u64 = 8;
/// The height of the drawing, in its units.
const PLOT_HEIGHT: u64 = 1000;

/// The states in which an invitation can end, from the bottom of a bar to its top.
pub(super) const ENDED_STATES: [State; 6] =
    [State::Relayed, State::Suppressed, State::Refused, State::HandedBack, State::Failed, State::Expired];

/// A part of a bar: the invitations of one state.
struct Piece {
    state: State,
    count: u64,
    y: u64,
    height: u64,
}

/// Invitations that have ended, by hour, stacked by state. `label`: the label of an hour.
pub(super) fn hours(ended: &[Tally], label: impl Fn(usize) -> String) -> Markup {
    let totals: [u64; HOURS_SHOWN] =
        std::array::from_fn(|hour| count(ended, |it| it.span.min(HOURS_SHOWN - 1) == hour));
    let top = round_up(totals.iter().copied().max().unwrap_or(0));
    let width = HOUR_WIDTH * HOURS_SHOWN as u64;
    html! {
        div.plot {
            div.y aria-hidden="true" {
                span { (grouped(top)) }
                span { (grouped(top / 2)) }
                span { "0" }
            }
            svg viewBox=(format!("0 0 {width} {PLOT_HEIGHT}")) preserveAspectRatio="none" role="img"
                aria-label="Invitations in each of the last 24 hours, by what became of them" {
                @for y in [0, PLOT_HEIGHT / 2, PLOT_HEIGHT] {
                    line.grid x1="0" x2=(width) y1=(y) y2=(y) {}
                }
                @for hour in 0..HOURS_SHOWN {
                    @for piece in pieces(ended, hour, top) {
                        rect class=(piece.state.as_str()) x=(hour as u64 * HOUR_WIDTH + (HOUR_WIDTH - BAR_WIDTH) / 2) y=(piece.y)
                            width=(BAR_WIDTH) height=(piece.height) {
                            title { (label(hour)) ": " (piece.count) " " (piece.state.as_str()) }
                        }
                    }
                }
            }
            div.x aria-hidden="true" {
                @for hour in (0..HOURS_SHOWN).step_by(3) {
                    span { (label(hour)) }
                }
            }
        }
    }
}

fn pieces(ended: &[Tally], hour: usize, top: u64) -> Vec<Piece> {
    let mut below = 0;
    let mut pieces = Vec::new();
    for state in ENDED_STATES {
        let count = count(ended, |it| it.span.min(HOURS_SHOWN - 1) == hour && it.state == state);
        if count > 0 {
            let [ground, roof] = [below, below + count].map(|n| PLOT_HEIGHT - n * PLOT_HEIGHT / top.max(1));
            // So that the smallest can be seen.
            pieces.push(Piece { state, count, y: roof, height: (ground - roof).max(PLOT_HEIGHT / 100) });
            below += count;
        }
    }
    pieces
}

/// A bar whose length shows `part` of `whole`.
pub(super) fn share(state: State, part: u64, whole: u64) -> Markup {
    let width = (part * 1000 / whole.max(1)).max(5);
    html! {
        svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
            rect class=(state.as_str()) width=(width) height="10" {}
        }
    }
}

/// How many invitations the matching tallies have.
pub(super) fn count(ended: &[Tally], is: impl Fn(&Tally) -> bool) -> u64 {
    ended.iter().filter(|tally| is(tally)).map(|tally| tally.count).sum()
}

/// The top of the scale, at least `most`: 2, 4, 6, 8, 10, 20, 40 and so on, which can be halved.
fn round_up(most: u64) -> u64 {
    let mut ten = 1;
    loop {
        for top in [2 * ten, 4 * ten, 6 * ten, 8 * ten, 10 * ten] {
            if top >= most {
                return top;
            }
        }
        ten *= 10;
    }
}

/// `12 345`, with no-break spaces.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_can_be_read() {
        let tops: Vec<_> = [0, 1, 2, 3, 5, 11, 40, 41, 3999, 1_000_001].map(round_up).into();
        assert_eq!(tops, [2, 2, 2, 4, 6, 20, 40, 60, 4000, 2_000_000]);
    }

    #[test]
    fn bars_stand_on_one_another_and_end_at_the_top() {
        let tally = |state, count| Tally { span: 3, state, reason: None, count };
        let ended = [tally(State::Refused, 1), tally(State::Relayed, 3)];
        let pieces: Vec<_> =
            pieces(&ended, 3, 4).iter().map(|it| (it.state, it.count, it.y, it.height)).collect();
        assert_eq!(pieces, [(State::Relayed, 3, 250, 750), (State::Refused, 1, 0, 250)]);
    }
}
