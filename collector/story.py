"""The lines of a ticket's story, in both languages: what was found, asked, ordered, done and measured. Pure."""

from collections.abc import Callable, Sequence

from collector.wording import named
from contract.evidence import BeforeAfter, Evidence, StepEnd, StepEvidence, Verdict
from contract.exchange import Plea
from contract.finding import Finding, Held
from contract.order import Order
from contract.readable import percent, readable
from contract.report import Report
from contract.sample import Sample
from contract.text import Language, Text

TITLE_CHARACTERS = 80
OUTPUT_CHARACTERS = 400

_VERDICTS = {
    Verdict.HEALTHY: Text("There was nothing to do.", "Делать было нечего."),
    Verdict.FIXED: Text("Fixed, and a fresh look confirms it.", "Исправлено, и новый осмотр это подтверждает."),
    Verdict.PUT_BACK: Text(
        "It did not help. Everything was put back as it was.", "Не помогло. Всё возвращено, как было."
    ),
    Verdict.LEFT: Text(
        "It did not help, and part of it cannot be undone: a person must look.",
        "Не помогло, и часть нельзя отменить: нужен взгляд человека.",
    ),
    Verdict.BLOCKED: Text("It could not begin.", "Начать не удалось."),
    Verdict.REFUSED: Text("The machine refused the order.", "Машина отказалась выполнять приказ."),
    Verdict.WAITING: Text("It waits for a person's answer.", "Ждёт ответа человека."),
    Verdict.PENDING_REBOOT: Text("It will be finished after a restart.", "Завершится после перезагрузки."),
    Verdict.INTERRUPTED: Text("It was interrupted.", "Было прервано."),
    Verdict.EXPIRED: Text("The order came too late to be carried out.", "Приказ пришёл слишком поздно."),
    Verdict.PLANNED: Text("A dry run: nothing was changed.", "Пробный прогон: ничего не изменено."),
}
_STEPS = {
    StepEnd.NOTHING_TO_DO: Text("nothing to do", "делать нечего"),
    StepEnd.WOULD_DO: Text("would do", "сделает"),
    StepEnd.CANNOT_KNOW: Text("cannot know before it is done", "заранее не узнать"),
    StepEnd.SKIPPED: Text("skipped", "пропущено"),
    StepEnd.DONE: Text("done", "сделано"),
    StepEnd.FAILED: Text("failed", "не удалось"),
    StepEnd.UNKNOWN: Text("unknown", "неизвестно"),
    StepEnd.TAKEN_BACK: Text("taken back", "отменено"),
    StepEnd.NOT_TAKEN_BACK: Text("could not be taken back", "отменить не удалось"),
    StepEnd.NOT_REACHED: Text("not reached", "не дошло"),
}
_FOUND = Text("Found, {sure} sure: {title}", "Найдено, уверенность {sure}: {title}")
_SIGNS = {
    Held.YES: Text("for it", "за"),
    Held.NO: Text("not so", "не так"),
    Held.UNKNOWN: Text("not known", "неизвестно"),
}
_AGAINST = Text("against it", "против")
_ASKED = Text("The customer says: {words}", "Клиент говорит: {words}")
_ASKS = Text("Asks for help: {words}", "Просит помощи: {words}")
_NO_CAUSE = Text("The look they sent shows no cause.", "В присланном осмотре причины не видно.")
_CAUSES = Text("The look they sent shows: {titles}", "В присланном осмотре: {titles}")
_LOOKED = Text("A fresh look shows: {titles}", "Новый осмотр показывает: {titles}")
_LOOKED_WELL = Text("A fresh look finds nothing wrong.", "Новый осмотр неисправностей не находит.")
_GONE = Text("No longer seen. A person may close this ticket.", "Больше не наблюдается. Заявку может закрыть человек.")
_AGAIN = Text("Seen again.", "Наблюдается снова.")
_WORSE = Text("It has become more urgent.", "Стало срочнее.")
_ORDERED = {
    (False, False): Text(
        "{by} orders the repair {playbook} (order {id}).", "{by} поручает ремонт {playbook} (приказ {id})."
    ),
    (False, True): Text(
        "{by} asks for the plan of {playbook} (order {id}).", "{by} просит план ремонта {playbook} (приказ {id})."
    ),
    (True, False): Text("{by} asks for a fresh look (order {id}).", "{by} просит новый осмотр (приказ {id})."),
}
_WITH = Text("with {values}", "с параметрами: {values}")
_EXPIRED = Text("Order {id} was never fetched and is past its time.", "Приказ {id} никто не забрал, его срок вышел.")
_CANCELLED = Text("{by} takes back order {id}.", "{by} отзывает приказ {id}.")
_OF = Text("{playbook} {version}: {verdict}", "{playbook} {version}: {verdict}")
_STILL = Text("Still found: {titles}", "По-прежнему: {titles}")
_ABSENT = Text("not read", "не прочитано")


def title_of(plea: Plea) -> Text:
    """Return the title of a ticket that has only a person's words."""
    words = " ".join((plea.words or plea.complaint).split())
    return _ASKS.filled({"words": words[:TITLE_CHARACTERS] or "?"})


def found(finding: Finding, *, again: bool = False, worse: bool = False) -> Text:
    """Return what was found and what speaks for it."""
    return _both(lambda language: _found_lines(finding, language, again=again, worse=worse))


def asked(plea: Plea) -> Text:
    """Return what a person said, and what the look they sent shows."""
    titles = [finding.title for finding in plea.report.causes]
    words = {"words": plea.words.strip() or plea.complaint or "?"}

    def lines(language: Language) -> list[str]:
        seen = _CAUSES.in_language(language).replace("{titles}", _joined(titles, language))
        return [_ASKED.filled(words).in_language(language), seen if titles else _NO_CAUSE.in_language(language)]

    return _both(lines)


def looked(report: Report) -> Text:
    """Return what an ordered look shows."""
    titles = [finding.title for finding in report.causes]
    if not titles:
        return _LOOKED_WELL
    return _both(lambda language: [_LOOKED.in_language(language).replace("{titles}", _joined(titles, language))])


def gone() -> Text:
    """Return that the cause is no longer seen."""
    return _GONE


def ordered(order: Order) -> Text:
    """Return who asked for what."""
    values = {"by": order.by, "playbook": order.playbook, "id": order.id}
    first = _ORDERED[order.kind == "checkup", order.check_only and order.kind == "repair"].filled(values)
    if not order.params:
        return first
    params = _WITH.filled({"values": ", ".join(f"{name} = {value}" for name, value in order.params.items())})
    return _both(lambda language: [first.in_language(language), params.in_language(language)])


def expired(order: Order) -> Text:
    """Return that an order was never fetched."""
    return _EXPIRED.filled({"id": order.id})


def cancelled(order: Order, by: str) -> Text:
    """Return that an order was taken back before its host fetched it."""
    return _CANCELLED.filled({"id": order.id, "by": by})


def repaired(evidence: Evidence) -> Text:
    """Return how a repair went: the verdict, every step, and what was measured before and after."""
    return _both(lambda language: _evidence_lines(evidence, language))


def _evidence_lines(evidence: Evidence, language: Language) -> list[str]:
    verdict = _VERDICTS[evidence.verdict].in_language(language)
    values = {"playbook": evidence.playbook, "version": evidence.version, "verdict": verdict}
    lines = [_OF.filled(values).in_language(language)]
    lines += [part for part in (evidence.reason, evidence.detail) if part]
    lines += [_step(step, language) for step in evidence.steps]
    lines += [_before_after(measured, language) for measured in evidence.measured]
    if evidence.findings_after:
        titles = [finding.title for finding in evidence.findings_after]
        lines.append(_STILL.in_language(language).replace("{titles}", _joined(titles, language)))
    if evidence.tell:
        lines.append(evidence.tell.in_language(language))
    return lines


def _step(step: StepEvidence, language: Language) -> str:
    line = f"• {step.name}: {_STEPS[step.end].in_language(language)}"
    did = "; ".join(step.did)
    words = " — ".join(part for part in (did, step.detail) if part)
    return f"{line} ({_cut(words)})" if words else line


def _before_after(measured: BeforeAfter, language: Language) -> str:
    sample = measured.after or measured.before
    called = named(sample, language) if sample else _ABSENT.in_language(language)
    return f"{called}: {_value(measured.before, language)} → {_value(measured.after, language)}"


def _value(sample: Sample | None, language: Language) -> str:
    return readable(sample.value, sample.unit, language) if sample else _ABSENT.in_language(language)


def _found_lines(finding: Finding, language: Language, *, again: bool, worse: bool) -> list[str]:
    lines = [sentence.in_language(language) for sentence, said in ((_AGAIN, again), (_WORSE, worse)) if said]
    values = {"sure": percent(finding.confidence, language), "title": finding.title.in_language(language)}
    lines.append(_FOUND.filled(values).in_language(language))
    lines.append(finding.technician.in_language(language))
    for sign in finding.signs:
        held = _AGAINST if sign.held is Held.YES and sign.weight < 0 else _SIGNS[sign.held]
        lines.append(f"• {sign.say.in_language(language)} ({held.in_language(language)})")
    return lines


def _joined(titles: Sequence[Text], language: Language) -> str:
    return "; ".join(title.in_language(language) for title in titles)


def _cut(words: str) -> str:
    return words if len(words) <= OUTPUT_CHARACTERS else words[:OUTPUT_CHARACTERS] + "…"


def _both(lines: Callable[[Language], list[str]]) -> Text:
    return Text("\n".join(lines("en")), "\n".join(lines("ru")))
