"""What the self-diagnosis says to a person, in each language. Texts of rules and playbooks stand in their files."""

from contract.readable import plural_ru
from contract.text import Language, Text

LOOKING = Text(
    "Checking this computer. Only looking, changing nothing.",
    "Проверяем этот компьютер. Только смотрим, ничего не меняем.",
)
FROM_RECORDING = Text(
    "From a recording of {name} made on {at}, read with the rules of today; nothing was asked of any computer.",
    "По записи машины {name} от {at}, с сегодняшними правилами; ни один компьютер не опрашивался.",
)
NOTHING = Text("Nothing wrong was found.", "Неполадок не найдено.")
MOST_LIKELY = Text(
    "Most likely the cause: {title} ({sure} sure).", "Вероятнее всего, причина: {title} (уверенность {sure})."
)
FOLDED = Text("because of it: {title}", "из-за этого: {title}")
COULD_NOT_LOOK = Text("Could not look at:", "Не удалось посмотреть:")
CANNOT_TELL = Text("Cannot tell:", "Нельзя сказать:")
COMPARED = Text("You said: {words}", "Вы сказали: {words}")
SENT = Text("Sent. Your ticket number is {ticket}.", "Отправлено. Номер вашей заявки: {ticket}.")
SAVED = Text(
    "Saved on this computer; it will be sent as soon as support can be reached. No ticket number yet.",
    "Сохранено на этом компьютере и будет отправлено, как только появится связь с поддержкой. Номера заявки пока нет.",
)
KEPT = Text(
    "Support cannot be reached from here. Everything is kept in {path}: give this file to your support.",
    "Связи с поддержкой нет. Всё сохранено в файле {path}: передайте его в поддержку.",
)
WOULD_SEND = Text("This would be sent to your support:", "Вот что будет отправлено в поддержку:")
HIDDEN = Text("Hidden before you read this: {count}.", "Скрыто до показа: {count}.")
ASK_SEND = Text(
    "Type  yes  to send, anything else to stop", "Введите  да , чтобы отправить; любой другой ответ — отказ"
)
NOT_SENT = Text("Nothing was sent.", "Ничего не отправлено.")
WHAT_NOW = Text("What now", "Что дальше")
SEND_HINT = Text(
    "feldsher diagnose --send    send this to your support; asks first",
    "feldsher diagnose --send    отправить в поддержку; сначала спросим",
)
YES = ("yes", "y", "да", "д")

ITEM_WORDS = Text("What you wrote", "Что вы написали")
ITEM_HOST = Text("Name and kind of this computer", "Имя и вид этого компьютера")
ITEM_FINDINGS = Text("What was found", "Что найдено")
ITEM_REST = Text("What could not be looked at, and times", "Что не удалось посмотреть, и время")

# Beside the word there is always a mark, and beside the mark always the word: colour alone says nothing here.
STATUS = {
    "critical": Text("FAIL", "СБОЙ"),
    "high": Text("FAIL", "СБОЙ"),
    "medium": Text("WARN", "РИСК"),
    "low": Text("note", "учти"),
    "ok": Text("ok", "норма"),
    "unknown": Text("?", "?"),
}

PRIVACY = {
    "public": Text("no secret", "не тайна"),
    "machine": Text("about the computer", "о компьютере"),
    "personal": Text("about you", "о вас"),
    "secret": Text("secret", "тайна"),
}

REASONS = {
    "not-there": Text("there is nothing of the kind here", "здесь такого нет"),
    "not-allowed": Text("this needs administrator rights", "нужны права администратора"),
    "too-slow": Text("no answer in time", "не дождались ответа"),
    "unreachable": Text("does not answer", "не отвечает"),
    "unreadable": Text("answered in a form we do not know", "ответ в незнакомом виде"),
}

PROBES = {
    "system": Text("the system", "система"),
    "cpu": Text("processor", "процессор"),
    "pressure": Text("waiting for processor, memory and disk", "ожидание процессора, памяти и диска"),
    "memory": Text("memory", "память"),
    "disk": Text("disks", "диски"),
    "caches": Text("logs and stored packages", "журналы и сохранённые пакеты"),
    "processes": Text("running programs", "работающие программы"),
    "network": Text("network", "сеть"),
    "ports": Text("open ports", "открытые порты"),
    "dns": Text("name servers", "серверы имён"),
    "clock": Text("clock", "часы"),
    "services": Text("services", "службы"),
    "journal": Text("error log", "журнал ошибок"),
}


def measurements(of: Text) -> Text:
    """Return "Measurements: disks"."""
    return Text(f"Measurements: {of.en}", f"Измерения: {of.ru}")


def count_checks(count: int, language: Language) -> str:
    """Return "3 other checks found nothing wrong" with the right plural."""
    if language == "en":
        return f"{count} {'check' if count == 1 else 'checks'} found nothing wrong"
    return f"{count} {plural_ru(count, 'проверка', 'проверки', 'проверок')} без замечаний"
