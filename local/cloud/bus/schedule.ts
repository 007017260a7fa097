import { CloudError } from "../errors.ts";

/** Next time strictly after `now` at which the schedule fires; undefined when there is none. Milliseconds since the epoch. */
export type Schedule = (now: number, startedAt: number) => number | undefined;

const UNIT_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
const DAY_MS = UNIT_MS.day;
/** A cron expression that finds no day in as many years finds none at all: Gregorian leap days are at most eight years apart. */
const SEARCH_DAYS_MAX = 366 * 9;

const invalid = (expression: string, reason: string): CloudError =>
  new CloudError("ValidationException", `Parameter ScheduleExpression is not valid: ${expression} (${reason})`);

/**
 * `rate(5 minutes)` counts from the rule's start; `cron(0 10 ? * MON-FRI *)` is in UTC.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
export function parseSchedule(expression: string): Schedule {
  const rate = /^rate\((\d+) (minute|hour|day)(s?)\)$/.exec(expression);
  if (rate !== null)
    return rateSchedule(
      expression,
      Number(rate[1]),
      rate[2] === "minute" ? "minute" : rate[2] === "hour" ? "hour" : "day",
      rate[3] === "s",
    );
  const cron = /^cron\((.*)\)$/.exec(expression);
  if (cron?.[1] !== undefined) return cronSchedule(expression, cron[1].trim().split(/\s+/));
  throw invalid(expression, "must be rate(<n> minutes|hours|days) or cron(<6 fields>)");
}

function rateSchedule(expression: string, count: number, unit: keyof typeof UNIT_MS, plural: boolean): Schedule {
  if (count < 1) throw invalid(expression, "the value must be positive");
  if (plural !== count > 1) throw invalid(expression, `write ${count} ${unit}${count > 1 ? "s" : ""}`);
  const periodMs = count * UNIT_MS[unit];
  return (now, startedAt) => startedAt + (Math.floor((now - startedAt) / periodMs) + 1) * periodMs;
}

interface Day {
  readonly year: number;
  readonly month: number;
  readonly date: number;
  /** 1 is Sunday. */
  readonly weekday: number;
  readonly lastDate: number;
}
type DayTest = (day: Day) => boolean;

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

function cronSchedule(expression: string, fields: readonly string[]): Schedule {
  const [minuteField, hourField, dateField, monthField, weekdayField, yearField] = fields;
  if (fields.length !== 6 || !minuteField || !hourField || !dateField || !monthField || !weekdayField || !yearField)
    throw invalid(expression, "cron has 6 fields");
  if ((dateField === "?") === (weekdayField === "?"))
    throw invalid(expression, "exactly one of day-of-month and day-of-week must be ?");
  const list = (text: string, min: number, max: number, names: readonly string[] = []): number[] =>
    numbersOf(expression, text, min, max, names);
  const minutes = list(minuteField, 0, 59);
  const hours = list(hourField, 0, 23);
  const months = new Set(list(monthField, 1, 12, MONTHS));
  const years = new Set(list(yearField, 1970, 2199));
  const onDay: DayTest = weekdayField === "?" ? dateTest(expression, dateField) : weekdayTest(expression, weekdayField);

  return (now) => {
    const midnight = Math.floor(now / DAY_MS) * DAY_MS;
    for (let offset = 0; offset < SEARCH_DAYS_MAX; offset++) {
      const at = midnight + offset * DAY_MS;
      const day = dayOf(at);
      if (!years.has(day.year) || !months.has(day.month) || !onDay(day)) continue;
      for (const hour of hours) {
        for (const minute of minutes) {
          const time = at + hour * UNIT_MS.hour + minute * UNIT_MS.minute;
          if (time > now) return time;
        }
      }
    }
    return undefined;
  };
}

function dayOf(at: number): Day {
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return {
    year,
    month: month + 1,
    date: date.getUTCDate(),
    weekday: date.getUTCDay() + 1,
    lastDate: new Date(Date.UTC(year, month + 1, 0)).getUTCDate(),
  };
}

function dateTest(expression: string, field: string): DayTest {
  if (field === "L") return (day) => day.date === day.lastDate;
  if (field.includes("W")) throw invalid(expression, "W is not known to the embedded cloud");
  const dates = new Set(numbersOf(expression, field, 1, 31, []));
  return (day) => dates.has(day.date);
}

function weekdayTest(expression: string, field: string): DayTest {
  const number = (text: string): number => numbersOf(expression, text, 1, 7, WEEKDAYS, 1)[0] ?? 0;
  if (field === "L") return (day) => day.weekday === 7;
  const last = /^(\w+)L$/.exec(field)?.[1];
  if (last !== undefined) {
    const weekday = number(last);
    return (day) => day.weekday === weekday && day.date > day.lastDate - 7;
  }
  const [, which, nth] = /^(\w+)#([1-5])$/.exec(field) ?? [];
  if (which !== undefined) {
    const weekday = number(which);
    return (day) => day.weekday === weekday && Math.ceil(day.date / 7) === Number(nth);
  }
  const weekdays = new Set(numbersOf(expression, field, 1, 7, WEEKDAYS, 1));
  return (day) => weekdays.has(day.weekday);
}

/** Numbers of a field like `1,5-10,0/15` or `MON-FRI`, ascending. */
function numbersOf(
  expression: string,
  field: string,
  min: number,
  max: number,
  names: readonly string[],
  firstName = min,
): number[] {
  const number = (text: string): number => {
    const named = names.indexOf(text.toUpperCase());
    const value = named >= 0 ? named + firstName : /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw invalid(expression, `${text} is not between ${min} and ${max}`);
    return value;
  };
  const found = new Set<number>();
  for (const part of field.split(",")) {
    const [range = "", step] = part.split("/");
    const [from = "", to] = range.split("-");
    const first = from === "*" ? min : number(from);
    const last = to !== undefined ? number(to) : from === "*" || step !== undefined ? max : first;
    const stride = step === undefined ? 1 : Number(step);
    if (!Number.isInteger(stride) || stride < 1 || last < first) throw invalid(expression, `${part} is no range`);
    for (let value = first; value <= last; value += stride) found.add(value);
  }
  return [...found].toSorted((a, b) => a - b);
}
