"""Every word of the pages, in each language. Texts of rules and playbooks stand in their own files."""

from contract.evidence import StepEnd, Verdict
from contract.finding import Severity
from contract.readable import plural_ru
from contract.text import Language, Text

PAGE = {
    "brand": Text("Feldsher", "Фельдшер"),
    "skip": Text("Skip to the content", "К содержанию"),
    "navigation": Text("Main", "Основное"),
    "language": Text("Language", "Язык"),
    "tickets": Text("Tickets", "Заявки"),
    "hosts": Text("Machines", "Машины"),
    "sign_in": Text("Sign in", "Войти"),
    "sign_out": Text("Sign out", "Выйти"),
    "name": Text("Name", "Имя"),
    "password": Text("Password", "Пароль"),
    "sign_in_lead": Text("For technicians of the support desk.", "Для специалистов поддержки."),
    "sign_in_hint": Text(
        "Accounts are made on the collector's own machine, never here.",
        "Учётные записи создают на самой машине сборщика, не здесь.",
    ),
    "sign_in_refused": Text("The name or the password is wrong.", "Неверное имя или пароль."),
    "sign_in_later": Text(
        "Too many tries. Wait a little, then try again.", "Слишком много попыток. Подождите немного и попробуйте снова."
    ),
    "ticket": Text("Ticket", "Заявка"),
    "host": Text("Machine", "Машина"),
    "state": Text("State", "Состояние"),
    "verdict": Text("Verdict", "Заключение"),
    "changed": Text("Changed", "Изменена"),
    "opened": Text("Opened", "Открыта"),
    "with_closed": Text("Show closed tickets too", "Показать и закрытые"),
    "without_closed": Text("Hide closed tickets", "Скрыть закрытые"),
    "no_tickets": Text("No open tickets.", "Открытых заявок нет."),
    "no_tickets_next": Text(
        "A ticket opens by itself when a machine has a fault that lasts, or when a person asks for help.",
        "Заявка откроется сама, когда у машины появится стойкая неполадка или человек попросит помощи.",
    ),
    "no_hosts": Text("No machine is enrolled yet.", "Пока не подключена ни одна машина."),
    "no_hosts_next": Text(
        "Make a code here with the first command, and use it on the machine with the second.",
        "Получите код первой командой здесь и введите его второй командой на машине.",
    ),
    "sure": Text("{percent} sure", "уверенность {percent}"),
    "since": Text("since {moment}", "с {moment}"),
    "their_words": Text("In the customer's words", "Словами клиента"),
    "for_technician": Text("For the technician", "Специалисту"),
    "for_customer": Text("What to tell the customer", "Что сказать клиенту"),
    "evidence": Text("Evidence", "Доказательства"),
    "sign_for": Text("speaks for it", "говорит за"),
    "sign_against": Text("speaks against it", "говорит против"),
    "sign_unknown": Text("not known", "неизвестно"),
    "signs_not_so": Text("Looked for and not so", "Проверено, не так"),
    "no_signs": Text(
        "This finding is certain: its condition was measured, not weighed.",
        "Это не предположение: условие измерено, а не взвешено.",
    ),
    "explains": Text("Explains", "Объясняет"),
    "missing": Text("missing: {names}", "не хватает: {names}"),
    "no_finding": Text(
        "The machine's last look found no cause for this. Ask when it happens, and look again then.",
        "Последний осмотр машины причины не нашёл. Спросите, когда это бывает, и осмотрите снова.",
    ),
    "before_after": Text("Before and after", "До и после"),
    "measure": Text("Measure", "Показатель"),
    "before": Text("Before", "До"),
    "after": Text("After", "После"),
    "not_read": Text("not seen", "не видно"),
    "repair": Text("Repair", "Ремонт"),
    "repairs": Text("Repairs", "Ремонт"),
    "risk": Text("Risk", "Риск"),
    "plan": Text("Show the plan", "Показать план"),
    "plan_hint": Text("Nothing is changed by a plan.", "План ничего не меняет."),
    "repair_now": Text("Repair now", "Починить"),
    "ask_first": Text("What the customer is told", "Что говорится клиенту"),
    "no_remedy": Text(
        "No playbook answers this. Look together with the customer.",
        "Готового ремонта для этого нет. Посмотрите вместе с клиентом.",
    ),
    "order_runs": Text("On its way to the machine.", "Отправлено на машину."),
    "order_waits_offline": Text(
        "The machine is not connected. It will start by itself when the machine returns, until {moment}.",
        "Машина не на связи. Ремонт начнётся сам, когда она вернётся, но не позже чем {moment}.",
    ),
    "refresh": Text("See how it stands now", "Посмотреть, как дела сейчас"),
    "steps": Text("Steps", "Шаги"),
    "step": Text("Step", "Шаг"),
    "how_it_ended": Text("How it ended", "Чем кончился"),
    "took": Text("Took", "Длился"),
    "printed": Text("What it printed", "Что было напечатано"),
    "did": Text("What was done", "Что сделано"),
    "left_over": Text("Still found afterwards", "Осталось после ремонта"),
    "all_of_it": Text("All of it", "Полностью"),
    "story": Text("Story", "История"),
    "attachments": Text("Attached", "Приложено"),
    "no_attachments": Text("Nothing is attached yet.", "Пока ничего не приложено."),
    "note": Text("Note", "Заметка"),
    "note_hint": Text("For colleagues; the customer does not see it.", "Для коллег; клиент её не видит."),
    "add_note": Text("Add the note", "Добавить заметку"),
    "close": Text("Close the ticket", "Закрыть заявку"),
    "close_hint": Text(
        "The fault is still seen. It would open a new ticket.", "Неполадка ещё видна. Она откроет новую заявку."
    ),
    "closed_now": Text("This ticket is closed.", "Заявка закрыта."),
    "facts": Text("Facts", "О машине"),
    "system": Text("System", "Система"),
    "kernel": Text("Kernel", "Ядро"),
    "processor": Text("Processor", "Процессор"),
    "started_by": Text("Services by", "Службы"),
    "elevated": Text("Looks with administrator rights", "Смотрит с правами администратора"),
    "yes": Text("yes", "да"),
    "no": Text("no", "нет"),
    "enrolled": Text("Enrolled", "Подключена"),
    "seen": Text("Last heard of", "Последняя связь"),
    "never": Text("never", "ещё не было"),
    "never_called": Text(
        "It has never called. Check that the agent runs there.",
        "Она ещё не выходила на связь. Проверьте, что там работает агент.",
    ),
    "identity": Text("Identity", "Опознание"),
    "findings_now": Text("Found now", "Найдено сейчас"),
    "nothing_found": Text("Nothing wrong was found.", "Неполадок не найдено."),
    "last_look": Text("Last look {moment}, took {span}", "Последний осмотр {moment}, длился {span}"),
    "no_look": Text("No look has arrived yet.", "Осмотров пока не было."),
    "not_seen": Text("Could not be looked at", "Не удалось посмотреть"),
    "vitals": Text("The last hour", "Последний час"),
    "no_vitals": Text("No measurements in the last hour.", "За последний час измерений нет."),
    "now": Text("Now", "Сейчас"),
    "lowest": Text("Lowest", "Меньше всего"),
    "highest": Text("Highest", "Больше всего"),
    "chart_of": Text("{name}: from {low} to {high}, now {now}", "{name}: от {low} до {high}, сейчас {now}"),
    "trouble": Text("This did not work", "Не получилось"),
    "back": Text("Back to the tickets", "К заявкам"),
    "kind": Text("Kind of problem: {slug}", "Вид ошибки: {slug}"),
    "ago": Text("{span} ago", "{span} назад"),
    "just_now": Text("just now", "только что"),
}

CLOSED = Text("Closed.", "Закрыта.")

STATE = {
    "open": Text("open", "открыта"),
    "silent": Text("no longer seen", "больше не видно"),
    "fixed": Text("fixed", "исправлено"),
    "closed": Text("closed", "закрыта"),
}

SEVERITY = {
    Severity.CRITICAL: Text("critical", "критично"),
    Severity.HIGH: Text("fault", "сбой"),
    Severity.MEDIUM: Text("warning", "риск"),
    Severity.LOW: Text("notice", "учесть"),
}

# Shapes differ, not only colours: each is told apart in black and white.
SHAPE = {
    Severity.CRITICAL: "■",
    Severity.HIGH: "▲",
    Severity.MEDIUM: "◆",
    Severity.LOW: "●",
    "fixed": "✓",
    "silent": "○",
    "closed": "–",
}

ONLINE = {
    "online": Text("connected", "на связи"),
    "offline": Text("not connected", "не на связи"),
    "revoked": Text("withdrawn", "отозвана"),
}
ONLINE_SHAPE = {"online": "●", "offline": "○", "revoked": "×"}

RISK = {
    "observe": Text("none, it only looks", "нет, только смотрит"),
    "low": Text("low", "низкий"),
    "medium": Text("medium", "средний"),
    "high": Text("high", "высокий"),
}

ORDER = {
    "queued": Text("waiting for the machine", "ждёт машину"),
    "taken": Text("running", "выполняется"),
    "ended": Text("ended", "закончено"),
    "expired": Text("too late: the machine did not come in time", "поздно: машина не вышла на связь вовремя"),
    "cancelled": Text("cancelled", "отменено"),
}

VERDICT = {
    Verdict.HEALTHY: Text("nothing to do", "делать нечего"),
    Verdict.FIXED: Text("fixed", "исправлено"),
    Verdict.PUT_BACK: Text("did not help; put back as it was", "не помогло; возвращено как было"),
    Verdict.LEFT: Text(
        "did not help, and part of it cannot be taken back: a person must look",
        "не помогло, и часть отменить нельзя: нужен человек",
    ),
    Verdict.BLOCKED: Text("could not begin", "начать не удалось"),
    Verdict.REFUSED: Text("refused by the machine", "машина отказалась"),
    Verdict.WAITING: Text("waits for a person", "ждёт человека"),
    Verdict.PENDING_REBOOT: Text("waits for a restart", "ждёт перезагрузки"),
    Verdict.INTERRUPTED: Text("interrupted", "прервано"),
    Verdict.EXPIRED: Text("too late", "поздно"),
    Verdict.PLANNED: Text("plan; nothing was changed", "план; ничего не изменено"),
}
# good, bad, or neither: it chooses a colour beside the word.
VERDICT_TONE = {
    Verdict.HEALTHY: "good",
    Verdict.FIXED: "good",
    Verdict.PLANNED: "calm",
    Verdict.WAITING: "calm",
    Verdict.PENDING_REBOOT: "calm",
}

STEP = {
    StepEnd.NOTHING_TO_DO: Text("already so", "уже так"),
    StepEnd.WOULD_DO: Text("would do", "сделает"),
    StepEnd.CANNOT_KNOW: Text("cannot know yet", "пока неизвестно"),
    StepEnd.SKIPPED: Text("not for this machine", "не для этой машины"),
    StepEnd.DONE: Text("done", "сделано"),
    StepEnd.FAILED: Text("failed", "не удалось"),
    StepEnd.UNKNOWN: Text("unknown", "неизвестно"),
    StepEnd.TAKEN_BACK: Text("taken back", "отменено"),
    StepEnd.NOT_TAKEN_BACK: Text("could not be taken back", "отменить не удалось"),
    StepEnd.NOT_REACHED: Text("not reached", "не дошло"),
}
STEP_SHAPE = {
    StepEnd.NOTHING_TO_DO: "=",
    StepEnd.WOULD_DO: "→",
    StepEnd.CANNOT_KNOW: "?",
    StepEnd.SKIPPED: "–",
    StepEnd.DONE: "✓",
    StepEnd.FAILED: "✗",
    StepEnd.UNKNOWN: "?",
    StepEnd.TAKEN_BACK: "↶",
    StepEnd.NOT_TAKEN_BACK: "✗",
    StepEnd.NOT_REACHED: "–",
}


def count_tickets(count: int, language: Language) -> str:
    """Return ``3 tickets`` or ``3 заявки``."""
    noun = (
        plural_ru(count, "заявка", "заявки", "заявок") if language == "ru" else _plural_en(count, "ticket", "tickets")
    )
    return f"{count} {noun}"


def count_hosts(count: int, language: Language) -> str:
    """Return ``3 machines`` or ``3 машины``."""
    noun = (
        plural_ru(count, "машина", "машины", "машин") if language == "ru" else _plural_en(count, "machine", "machines")
    )
    return f"{count} {noun}"


def _plural_en(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
