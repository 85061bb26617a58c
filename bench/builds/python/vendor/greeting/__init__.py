def greeting():
    return "hello from python"
