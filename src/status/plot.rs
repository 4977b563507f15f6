//! The pictures of the page, as inline SVG: bars of the last hours, bars of reasons. Their labels are HTML, so that they
//! can be read on a small screen. Knows nothing of where the numbers come from.

use maud::{Markup, html};

use super::recent::HOURS;
use crate::journal::Tally;
use crate::model::State;

/// The width of an hour, and of its bar, in units of the drawing.
const HOUR: u64 = 10;
const BAR: u64 = 8;
/// The height of the drawing.
const HEIGHT: u64 = 1000;

/// The states that an invitation can end in, from the ground up.
pub(super) const ENDS: [State; 6] =
    [State::Relayed, State::Suppressed, State::Refused, State::HandedBack, State::Failed, State::Expired];

/// A piece of a bar.
struct Piece {
    state: State,
    count: u64,
    y: u64,
    height: u64,
}

/// What ended, by hours, stacked by how. `label`: what an hour is called.
pub(super) fn hours(ended: &[Tally], label: impl Fn(usize) -> String) -> Markup {
    let totals: [u64; HOURS] = std::array::from_fn(|hour| count(ended, |it| it.span.min(HOURS - 1) == hour));
    let top = round_up(totals.iter().copied().max().unwrap_or(0));
    let width = HOUR * HOURS as u64;
    html! {
        div.plot {
            div.y aria-hidden="true" {
                span { (top) }
                span { (halved(top)) }
                span { "0" }
            }
            svg viewBox=(format!("0 0 {width} {HEIGHT}")) preserveAspectRatio="none" role="img"
                aria-label="Invitations in each of the last 24 hours, by what became of them" {
                @for y in [0, HEIGHT / 2, HEIGHT] {
                    line.grid x1="0" x2=(width) y1=(y) y2=(y) {}
                }
                @for hour in 0..HOURS {
                    @for piece in pieces(ended, hour, top) {
                        rect class=(piece.state.as_str()) x=(hour as u64 * HOUR + (HOUR - BAR) / 2) y=(piece.y)
                            width=(BAR) height=(piece.height) {
                            title { (label(hour)) ": " (piece.count) " " (piece.state.as_str()) }
                        }
                    }
                }
            }
            div.x aria-hidden="true" {
                @for hour in (0..HOURS).step_by(3) {
                    span { (label(hour)) }
                }
            }
        }
    }
}

fn pieces(ended: &[Tally], hour: usize, top: u64) -> Vec<Piece> {
    let mut below = 0;
    let mut pieces = Vec::new();
    for state in ENDS {
        let count = count(ended, |it| it.span.min(HOURS - 1) == hour && it.state == state);
        if count > 0 {
            let [ground, roof] = [below, below + count].map(|n| HEIGHT - n * HEIGHT / top.max(1));
            // The smallest is still to be seen.
            pieces.push(Piece { state, count, y: roof, height: (ground - roof).max(HEIGHT / 100) });
            below += count;
        }
    }
    pieces
}

/// A bar of so much of the whole.
pub(super) fn share(state: State, part: u64, whole: u64) -> Markup {
    let width = (part * 1000 / whole.max(1)).max(5);
    html! {
        svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
            rect class=(state.as_str()) width=(width) height="10" {}
        }
    }
}

/// So many of them are so.
pub(super) fn count(ended: &[Tally], is: impl Fn(&Tally) -> bool) -> u64 {
    ended.iter().filter(|tally| is(tally)).map(|tally| tally.count).sum()
}

/// A number for the top of the scale: 2, 4, 10, 20, 40, 100 and so on, which can be halved.
fn round_up(most: u64) -> u64 {
    let mut ten = 1;
    loop {
        for top in [2 * ten, 4 * ten, 10 * ten] {
            if top >= most {
                return top;
            }
        }
        ten *= 10;
    }
}

fn halved(top: u64) -> u64 {
    top / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_can_be_read() {
        let tops: Vec<_> = [0, 1, 2, 3, 5, 11, 40, 41, 3999, 1_000_001].map(round_up).into();
        assert_eq!(tops, [2, 2, 2, 4, 10, 20, 40, 100, 4000, 2_000_000]);
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
