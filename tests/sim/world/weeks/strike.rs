//! What goes wrong for hours and days, and what operators do.

use crate::world::World;
use crate::world::weeks::DAY_MS;
use crate::world::weeks::HOUR_MS;
use crate::world::weeks::MINUTE_MS;
use crate::world::weeks::SECOND_MS;

impl World {
    /// Something large goes wrong, now and then, or is planned.
    pub(super) fn strike(&mut self) -> Result<(), String> {
        match self.draw(250) {
            0..10 => self.cut_for_hours(),
            10..20 => self.turn_off_for_hours(),
            20..26 => self.stop_in_order()?,
            26..29 => self.black_out(),
            29..32 => self.jump_for_days(),
            32..35 => self.replace(),
            35..40 => self.put_image_back(),
            _ => {}
        }
        for board in 0..2 {
            self.drift(board);
        }
        Ok(())
    }

    fn cut_for_hours(&mut self) {
        let ms = [10 * MINUTE_MS, 3 * HOUR_MS, DAY_MS, 4 * DAY_MS];
        let (ms, kind) = (ms[self.draw_index(4)], self.draw(4));
        let Some(net) = &mut self.net else {
            return;
        };
        let until = net.now + ms;
        match kind {
            0 => net.cut_until[0] = until,
            1 => net.cut_until[1] = until,
            _ => net.cut_until = [until; 2],
        }
        self.lived(|lived| lived.long_cuts += 1);
        self.note(|| format!("nothing passes for {ms} ms, {kind}"));
    }

    fn draw_index(&mut self, count: usize) -> usize {
        self.weeks().map_or(0, |weeks| weeks.rng.index(count))
    }

    fn turn_off_for_hours(&mut self) {
        let board = self.draw_index(2);
        let ms = [10 * MINUTE_MS, 3 * HOUR_MS, 30 * HOUR_MS, 6 * DAY_MS];
        let (ms, is_power) = (ms[self.draw_index(4)], self.draw(2) == 0);
        if let Some(net) = &mut self.net {
            net.off_until[board] = net.now + ms;
        }
        self.lived(|lived| lived.long_outages += 1);
        self.note(|| format!("board {board} is off for {ms} ms, power: {is_power}"));
        self.lose(board, is_power);
    }

    /// An update: the server stops in order, and is back after a while.
    fn stop_in_order(&mut self) -> Result<(), String> {
        let board = self.draw_index(2);
        if !self.machines[board].is_up() {
            return Ok(());
        }
        let ms = [5 * SECOND_MS, 2 * MINUTE_MS, HOUR_MS][self.draw_index(3)];
        self.note(|| format!("board {board} stops, for {ms} ms"));
        self.machines[board].begin_stop();
        self.pass_ms(200);
        self.machines[board].say_goodbye();
        self.pass_ms(200);
        self.lived(|lived| lived.stops += 1);
        if let Some(net) = &mut self.net {
            net.off_until[board] = net.now + ms;
        }
        self.lose(board, false);
        self.pass_long(2 * SECOND_MS)
    }

    fn jump_for_days(&mut self) {
        let board = self.draw_index(2);
        let hours = [-1, 1, -24, 48, -30 * 24][self.draw_index(5)];
        self.faulted.jumps += 1;
        self.note(|| format!("the clock of board {board} jumps by {hours} h"));
        if let Some(weeks) = self.weeks() {
            weeks.clock_ms[board] += hours * 3_600_000;
        }
    }

    /// What the clock has gone wrong by since the last burst, some hours ago.
    fn drift(&mut self, board: usize) {
        let Some(weeks) = &mut self.weeks else {
            return;
        };
        weeks.clock_ms[board] += weeks.drift_ppm[board] * 5 * 3_600 / 1_000;
        self.machines[board].set_clock_ms(weeks.clock_ms[board]);
    }

    /// Somebody puts an old copy of a card back, while the other board has everything.
    fn put_image_back(&mut self) {
        let board = self.draw_index(2);
        if !self.is_level() || (0..2).any(|one| self.is_frozen(one)) {
            return;
        }
        let Some(image) = self.weeks().and_then(|weeks| weeks.images[board].take()) else {
            return;
        };
        self.note(|| format!("board {board} is put back to an older image"));
        self.lose(board, true);
        self.machines[board].set_image(&image);
        self.lived(|lived| lived.images += 1);
    }
}
